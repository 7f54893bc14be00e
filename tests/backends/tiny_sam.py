"""Small HQ-SAMs with random weights, of the real classes: a frame of 256 pixels, 32 channels."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch

from annotator.backends.protocols import Pixels
from annotator.backends.sam_hq import PackageNetwork, library
from annotator.backends.sam_hq_refiner import Options, SamRefiner

EDGE, CHANNELS, DEPTH, HEADS, WINDOW = 256, 32, 3, 2, 5
GLOBAL = [1, 2]
MLP = 64


def random_weights(module: Any, seed: int = 0) -> Any:
    """Noise on every weight: some start as zeros, and a mistake in them would not show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in module.parameters():
            one += 0.1 * torch.randn(one.shape, generator=generator)
        for name, buffer in module.named_buffers():
            if name.endswith("positional_encoding_gaussian_matrix"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return module.eval()


def package_sam(seed: int = 0) -> Any:
    """By the package's classes, in a tenth of a second; the same whatever was drawn before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return random_weights(_package_sam(), seed)


def _package_sam() -> Any:
    modeling = library().modeling
    encoder = modeling.ImageEncoderViT(
        img_size=EDGE,
        depth=DEPTH,
        embed_dim=CHANNELS,
        num_heads=HEADS,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=tuple(GLOBAL),
        window_size=WINDOW,
        out_chans=CHANNELS,
    )
    prompts = modeling.PromptEncoder(
        embed_dim=CHANNELS,
        image_embedding_size=(EDGE // 16, EDGE // 16),
        input_image_size=(EDGE, EDGE),
        mask_in_chans=16,
    )
    decoder = modeling.MaskDecoderHQ(
        transformer=modeling.TwoWayTransformer(
            depth=2, embedding_dim=CHANNELS, mlp_dim=MLP, num_heads=HEADS
        ),
        transformer_dim=CHANNELS,
        iou_head_hidden_dim=CHANNELS,
        vit_dim=CHANNELS,
    )
    return modeling.Sam(encoder, prompts, decoder)


def refiner(options: Options | None = None, seed: int = 0) -> SamRefiner:
    """A Refiner around ``package_sam``: a StoringRefiner that answers in milliseconds."""
    return SamRefiner(f"tiny-sam@{seed}", PackageNetwork(package_sam(seed)), options)


def predictor(sam: Any, image: Pixels) -> Any:
    """The package's own predictor with its image set."""
    found = library().SamPredictor(sam)
    found.set_image(image)
    return found


_HEADS = r"(hq_mask_mlp|iou_prediction_head|output_hypernetworks_mlps\.\d)"
#: Parts of names in the package, and in transformers; all that fit are replaced, in this order.
_NAMES = (
    (r"^image_encoder\.", "vision_encoder."),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"\.blocks\.(\d+)\.norm", r".layers.\1.layer_norm"),
    (r"\.blocks\.", ".layers."),
    (r"\.neck\.0\.", ".neck.conv1."),
    (r"\.neck\.1\.", ".neck.layer_norm1."),
    (r"\.neck\.2\.", ".neck.conv2."),
    (r"\.neck\.3\.", ".neck.layer_norm2."),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.transformer\.layers\.(\d)\.norm", r".transformer.layers.\1.layer_norm"),
    (r"\.norm_final_attn\.", ".layer_norm_final_attn."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"\.hf_token\.", ".hq_token."),
    (r"\.hf_mlp\.", ".hq_mask_mlp."),
    (rf"\.{_HEADS}\.layers\.0\.", r".\1.proj_in."),
    (rf"\.{_HEADS}\.layers\.2\.", r".\1.proj_out."),
    (rf"\.{_HEADS}\.layers\.1\.", r".\1.layers.0."),
    (r"\.compress_vit_feat\.0\.", ".compress_vit_conv1."),
    (r"\.compress_vit_feat\.1\.", ".compress_vit_norm."),
    (r"\.compress_vit_feat\.3\.", ".compress_vit_conv2."),
    (r"\.embedding_encoder\.0\.", ".encoder_conv1."),
    (r"\.embedding_encoder\.1\.", ".encoder_norm."),
    (r"\.embedding_encoder\.3\.", ".encoder_conv2."),
    (r"\.embedding_maskfeature\.0\.", ".mask_conv1."),
    (r"\.embedding_maskfeature\.1\.", ".mask_norm."),
    (r"\.embedding_maskfeature\.3\.", ".mask_conv2."),
)
_POSITIONS = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"


def converted(state: dict[str, Any]) -> dict[str, Any]:
    """Weights of the package's classes by the names of transformers'."""
    found = {}
    for name, value in state.items():
        if name == _POSITIONS:
            found["shared_image_embedding.positional_embedding"] = value
            found["prompt_encoder.shared_embedding.positional_embedding"] = value
            continue
        for pattern, new in _NAMES:
            name = re.sub(pattern, new, name)
        found[name] = value
    return found


def transformers_sam(sam: Any, folder: Path) -> None:
    """The model that ``package_sam`` made, as transformers saves it."""
    transformers_model(sam).save_pretrained(folder)


def transformers_model(sam: Any) -> Any:
    """A network of the package's classes, of any size but TinyViT's, in those of transformers."""
    from transformers import SamHQConfig, SamHQModel

    encoder, decoder = sam.image_encoder, sam.mask_decoder
    width, channels = encoder.pos_embed.shape[-1], decoder.transformer_dim
    windows = [block.window_size for block in encoder.blocks]
    config = SamHQConfig(
        vision_config={
            "image_size": encoder.img_size,
            "hidden_size": width,
            "num_hidden_layers": len(windows),
            "num_attention_heads": encoder.blocks[0].attn.num_heads,
            "global_attn_indexes": [i for i, size in enumerate(windows) if size == 0],
            "window_size": max(windows),
            "output_channels": channels,
            "num_pos_feats": channels // 2,
        },
        prompt_encoder_config={"hidden_size": channels, "image_size": encoder.img_size},
        mask_decoder_config={
            "hidden_size": channels,
            "mlp_dim": decoder.transformer.layers[0].mlp.lin1.out_features,
            "num_attention_heads": decoder.transformer.layers[0].self_attn.num_heads,
            "iou_head_hidden_dim": decoder.iou_prediction_head.layers[0].out_features,
            "vit_dim": width,
        },
    )
    model = SamHQModel(config)
    model.load_state_dict(converted(sam.state_dict()), strict=True)
    return model


def manifest(path: Path, kind: str, weights: str, options: str = "") -> Path:
    """A pack of one refiner. ``weights``: its keys file, sha256 or folder as TOML."""
    path.write_text(
        f'[roles.refiner]\nkind = "{kind}"\nmodel = "tiny-sam"\n{weights}\n'
        f'licence = "none"\nsize_bytes = 1\nmemory_mb = 1\n[roles.refiner.options]\n{options}\n'
    )
    return path
