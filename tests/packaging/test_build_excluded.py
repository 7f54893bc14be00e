"""What the bundle leaves out is not needed: everything imports while it is out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: In another process: modules that are loaded already would hide what is out of reach.
CODE = """
import importlib, importlib.util, sys, warnings
from pathlib import Path
root, packaging = sys.argv[1:]
sys.path.insert(0, packaging)
import build_contents

class OutOfReach:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(f"{one}.") for one in build_contents.EXCLUDED):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

# Many ask whether a module is there before they import it; an excluded one is not there.
ask = importlib.util.find_spec
def find_spec(name, package=None):
    try:
        return ask(name, package)
    except ModuleNotFoundError:
        return None
importlib.util.find_spec = find_spec
sys.meta_path.insert(0, OutOfReach())
warnings.simplefilter("ignore")
from annotator.backends import torchvision_ops
torchvision_ops.declare()
wanted = [
    *("torch", "torchvision", "transformers", "peft", "timm", "segment_anything_hq", "gguf"),
    *("efficientnet_lite_pytorch", "sentencepiece", "num2words", "keyring", "pi_heif", "openai"),
    *("pycocotools.mask", "matplotlib.backends.backend_agg", "matplotlib.figure", "sqlite_utils"),
]
for path in sorted(Path(root, "annotator").rglob("*.py")):
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    wanted.append(name.removesuffix(".__init__"))
for name in wanted:
    importlib.import_module(name)
import transformers
for name in (
    *("AutoModelForImageTextToText", "AutoModelForCausalLM", "AutoProcessor", "AutoTokenizer"),
    *("CLIPModel", "CLIPProcessor", "SiglipModel", "Siglip2Model", "Siglip2Processor"),
    *("SamHQModel", "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3VLForConditionalGeneration"),
    *("Qwen2_5_VLForConditionalGeneration", "Qwen2_5_VLProcessor", "SmolVLMProcessor"),
    *("SmolVLMForConditionalGeneration", "Idefics3ForConditionalGeneration", "LlavaProcessor"),
    *("LlavaForConditionalGeneration", "InternVLForConditionalGeneration", "BertModel"),
    *("InstructBlipForConditionalGeneration", "Blip2ForConditionalGeneration"),
    *("T5ForConditionalGeneration", "OPTForCausalLM"),
):
    getattr(transformers, name)
print(len(wanted), sorted(set(build_contents.EXCLUDED) & set(sys.modules)))
"""


def test_everything_imports_without_what_the_bundle_leaves_out() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(ROOT), str(ROOT / "packaging")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count, loaded = done.stdout.splitlines()[-1].split(maxsplit=1)
    assert int(count) > 100
    assert loaded == "[]"
