"""Taggers that are vision-language models of transformers, from a folder on disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.backends import answers, generation, pretrained
from annotator.backends.answers import Generated
from annotator.backends.protocols import Pixels, Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import Answer, Usage

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

OPTIONS = ("dtype", "batch", "max_side")
#: Sides of what a model is shown: some processors refuse a few pixels, or a very long strip.
_LEAST, _LONGEST = 32, 100
#: Models whose processor takes a plain prompt and puts the image before it by itself.
_PLAIN = {
    "instructblip": "InstructBlipForConditionalGeneration",
    "blip-2": "Blip2ForConditionalGeneration",
}


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question about an image, to be answered once for each key."""

    image: Pixels
    prompt: str
    keys: tuple[generation.Key, ...]


class VisionLanguageTagger:
    """Says what a vision-language model says of an image (LLM2Labels, section 3.3). Any thread
    may call; calls take turns."""

    def __init__(self, folder: Path, model_id: str, options: Mapping[str, Any]) -> None:
        self._name = model_id.partition("@")[0]
        chosen = pretrained.settings(self._name, options, OPTIONS)
        self._id, self._folder = model_id, folder
        self._batch, self._max_side = chosen.batch, chosen.max_side
        #: Replies generated together; halved when the memory does not suffice.
        self._rows = chosen.batch
        self._lock = threading.Lock()
        self._usage = Usage()
        self._model, self._processor = _load(folder, chosen.dtype)
        self._tokenizer = self._processor.tokenizer

    @property
    def id(self) -> str:
        return self._id

    @property
    def batch(self) -> int:
        return self._batch

    def usage(self) -> Usage:
        """A request is one prompt with one image, however many replies are drawn to it."""
        return self._usage  # replaced whole, so that nobody waits for a running batch

    def prepare(self, image: Pixels) -> Pixels:
        """uint8[H, W, 3] -> uint8[h, w, 3], neither side above ``max_side`` nor below 32 pixels,
        neither more than 100 times the other; the aspect is kept where these allow it."""
        from PIL import Image

        height, width = image.shape[:2]
        scale = min(1.0, self._max_side / max(height, width))
        sides = [max(_LEAST, round(side * scale)) for side in (height, width)]
        rows, columns = (max(side, max(sides) // _LONGEST) for side in sides)
        if (rows, columns) == (height, width):
            return image
        small = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
        return np.asarray(small, dtype=np.uint8)

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        """Answers as [image][sample]; ``sampling.seeds`` are 0 where there are none. Raises
        AnnotatorError when the model cannot answer."""
        return self.answer([self.prepare(image) for image in images], prompt, sampling)

    def answer(
        self, prepared: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[Answer]]:
        """As ``propose``, for prepared images."""
        seeds = sampling.seeds or (0,) * len(prepared)
        asks = [
            _Ask(image, prompt, tuple((seed, sample) for sample in range(sampling.samples)))
            for image, seed in zip(prepared, seeds, strict=True)
        ]
        with self._lock:
            said = [
                [answers.read(one, sampling.strategy) for one in replies]
                for replies in self._ask_all(asks, sampling)
            ]
            return self._corrected(asks, said, sampling) if sampling.correction else said

    def _corrected(
        self, asks: Sequence[_Ask], said: list[list[Answer]], sampling: Sampling
    ) -> list[list[Answer]]:
        """The answers of a second round, asked with the labels of the first. An answer without
        labels stays as it is: there is nothing to correct in it."""
        places, again = [], []
        for i, (ask, replies) in enumerate(zip(asks, said, strict=True)):
            for sample, first in enumerate(replies):
                if first.labels:
                    labels = answers.prior([one.text for one in first.labels])
                    # Not str.format: a label may have braces in it.
                    prompt = sampling.correction.replace("{labels}", labels)
                    again.append(_Ask(ask.image, prompt, ((*ask.keys[sample], 1),)))
                    places.append((i, sample))
        for (i, sample), (reply,) in zip(places, self._ask_all(again, sampling), strict=True):
            said[i][sample] = answers.read(reply, sampling.strategy)
        return said

    def _ask_all(self, asks: Sequence[_Ask], sampling: Sampling) -> list[list[Generated]]:
        """Replies as [ask][key]; all asks have the same number of keys."""
        rows = [(i, key) for i, ask in enumerate(asks) for key in ask.keys]
        found: list[list[Generated]] = [[] for _ in asks]
        at = 0
        while at < len(rows):
            copies = len(asks[0].keys)
            if copies <= self._rows and at % copies == 0:
                # Whole asks: what a model computes of an image once serves all its samples.
                take = min(self._rows // copies * copies, len(rows) - at)
            else:
                take = min(self._rows, copies - at % copies)
            part = rows[at : at + take]
            first, last = part[0][0], part[-1][0]
            keys = [key for _, key in part]
            replies = self._generate(asks[first : last + 1], keys, sampling)
            if replies is None:
                self._rows = take // 2
                continue
            for (i, _), reply in zip(part, replies, strict=True):
                found[i].append(reply)
            at += take
        return found

    def _generate(
        self, asks: Sequence[_Ask], keys: Sequence[generation.Key], sampling: Sampling
    ) -> list[Generated] | None:
        """One reply for each key; None when fewer of them must be asked for at once."""
        import torch

        try:
            inputs = self._inputs([one.image for one in asks], [one.prompt for one in asks])
            replies = generation.generate(self._model, self._tokenizer, inputs, sampling, keys)
        except AnnotatorError:
            raise
        except Exception as error:  # a processor or a model that does not fit its weights
            if not pretrained.is_out_of_memory(error):
                raise AnnotatorError(
                    f"The model in {self._folder} cannot answer "
                    f"({pretrained.reason(error)}): get its files again or choose another model."
                ) from error
            if len(keys) == 1:
                raise pretrained.out_of_memory(self._name) from error
            replies = None
        if replies is None:
            # Outside of the handler: its traceback held on to the tensors.
            torch.cuda.empty_cache()
            return None
        self._usage += Usage(
            requests=len(asks),
            prompt_tokens=int(inputs.get("attention_mask", inputs["input_ids"] >= 0).sum()),
            completion_tokens=sum(len(one.tokens) + (not one.cut) for one in replies),
        )
        return replies

    def _inputs(self, images: Sequence[Pixels], prompts: Sequence[str]) -> Any:
        """What the model takes, on its device."""
        from PIL import Image

        # Pillow's images: of an array a processor must guess which axis the colours are.
        pictures = [Image.fromarray(one) for one in images]
        texts = [self._harmless(one) for one in prompts]
        if self._model.config.model_type in _PLAIN:
            made = self._processor(images=pictures, text=texts, **_PADDED)
        elif self._processor.chat_template is None:
            token = getattr(self._processor, "image_token", None)
            texts = [f"{token}\n{one}" if token else one for one in texts]
            made = self._processor(images=[[one] for one in pictures], text=texts, **_PADDED)
        else:
            made = self._processor.apply_chat_template(
                [_talk(one, text) for one, text in zip(pictures, texts, strict=True)],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs={"padding": True},
            )
        return made.to(self._model.device, self._model.dtype)

    def _harmless(self, prompt: str) -> str:
        """The prompt without the model's own marks: a label of the first answer must not pass
        for an image or end the turn."""
        marks = {str(one) for one in self._tokenizer.added_tokens_decoder.values() if one.special}
        marks.add(str(getattr(self._processor, "image_token", "")))
        for mark in sorted(marks - {""}, key=len, reverse=True):
            prompt = prompt.replace(mark, " ")
        return prompt


_PADDED: Mapping[str, Any] = {"padding": True, "return_tensors": "pt"}


def _talk(image: Any, prompt: str) -> list[dict[str, Any]]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": prompt}]
    return [{"role": "user", "content": content}]


def _load(folder: Path, dtype: str) -> tuple[Any, Any]:
    """Model and processor of a folder, ready to generate."""
    transformers = pretrained.library()
    config = pretrained.config_of(folder)
    loader = getattr(transformers, _PLAIN.get(config.model_type, "AutoModelForImageTextToText"))
    model = pretrained.weights(loader, folder, config, dtype)
    processor = pretrained.part(
        folder, lambda: transformers.AutoProcessor.from_pretrained(folder, **pretrained.LOCAL)
    )
    if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
        raise pretrained.fault(folder, "it has no processor of images and text together")
    pretrained.part(folder, lambda: pretrained.check_words(folder, processor.tokenizer))
    pretrained.part(folder, lambda: pretrained.settle(model, processor.tokenizer))
    if config.model_type in _PLAIN:
        pretrained.part(folder, lambda: _with_image_token(model, processor))
    # Padding goes where it does not stand between a prompt and its reply; an encoder reads the
    # whole prompt first, and its relative positions bear no gap.
    encodes = model.config.get_text_config().is_encoder_decoder
    processor.tokenizer.padding_side = "right" if encodes else "left"
    return model, processor


def _with_image_token(model: Any, processor: Any) -> None:
    """What checkpoints from before transformers 4.46 lack: a token that stands for the image,
    and how many of them the processor writes."""
    if model.config.image_token_index is None:
        words = processor.tokenizer
        model.config.image_token_index = words.convert_tokens_to_ids(str(processor.image_token))
        if len(words) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(words), mean_resizing=False)
    processor.num_query_tokens = model.config.num_query_tokens


def tagger(spec: RoleSpec, pack: Pack) -> VisionLanguageTagger:  # noqa: ARG001 - a factory's signature
    if spec.folder is None:
        raise AnnotatorError(f"The {spec.role} {spec.model} needs a folder key in its manifest.")
    return VisionLanguageTagger(spec.folder.check(), spec.id, spec.options)
