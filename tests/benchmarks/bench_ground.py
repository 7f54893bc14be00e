"""What 150 tags against one image cost, beside what encoding the image alone takes.

    python tests/benchmarks/bench_ground.py [--tags 150] [--rounds 5] [--pack NAME ...]

For the starter pack, and for a CLIP of the size of ViT-B/16 with random weights that is made in a
temporary folder. Encoding alone is the Grounder's ``pixels``. The whole is that of a person who
opens an image: encode, maps of all tags by one matrix product, the peak of each, the three best
maps enlarged to the image's size; the texts of the vocabulary were embedded with the first image
and are remembered. Both run in turns in one process; the medians and their ratio are printed, at
most 1.2 is wanted. Beside it: the texts for the first time, and the same maps one tag at a time.
``--pack`` takes packs that are there instead, by name or manifest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from annotator.backends.protocols import Floats, Grounder, Pixels, TagText
from annotator.backends.registry import load_pack
from annotator.core import images
from annotator.core.tag_scores import peaks
from annotator.core.wordnet import wordnet
from annotator.pipeline.ground import cosines, heatmaps, upsample
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))

MANIFEST = """
name = "clip-of-random-weights"
[roles.grounder]
kind = "clip-grounder"
model = "clip-of-random-weights"
folder = "clip"
licence = "none"
size_bytes = 600000000
memory_mb = 1000
"""
WANTED = 1.2
ROOTS = ("dog", "cat", "house", "tree", "car", "boat", "chair", "flower", "fruit", "tool", "bird")


def random_clip(folder: Path) -> Path:
    """The manifest of a CLIP as large as ViT-B/16."""
    import tiny_clip
    import torch
    import transformers

    words = tiny_clip.tokenizer()
    config = transformers.CLIPConfig(
        text_config={
            "vocab_size": 49_408,
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        },
        vision_config={"patch_size": 16},
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(folder / "clip")
    words.save_pretrained(folder / "clip")
    path = folder / "clip-of-random-weights.toml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def vocabulary(count: int) -> list[TagText]:
    """Things of WordNet with all their lemmas, always the same ones."""
    net = wordnet()
    found: dict[str, TagText] = {}
    for word in ROOTS:
        queue = [net.synsets(word)[0]]
        while queue and len(found) < count:
            one = queue.pop(0)
            found.setdefault(one, TagText(net.name(one), tuple(net.lemmas(one)), one))
            queue += net.hyponyms(one)[:8]
    return list(found.values())[:count]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def whole(
    project: Project, grounder: Grounder, image: Pixels, tags: list[TagText]
) -> tuple[Floats, list[Floats]]:
    """Scores of all tags and the maps of the three best at the size of the image."""
    with project.read() as db:
        first = queries.images(db, queries.image_ids(db))[0]
    project.cache.clear("heat")
    maps = heatmaps(project, first, tags, grounder, image)
    scores = maps.reshape(len(tags), -1).max(axis=1)
    best = np.argsort(-scores)[:3]
    return scores, [upsample(maps[i], *image.shape[:2]) for i in best]


def measure(name: str | Path, image: Pixels, project: Project, tags: int, rounds: int) -> None:
    grounder = load_pack(name).grounder()
    words = vocabulary(tags)
    cells = grounder.pixels(image)  # warm up
    first = seconds(lambda: grounder.texts(words))
    alone, everything, again = [], [], []
    for _ in range(rounds):
        alone.append(seconds(lambda: grounder.pixels(image)))
        everything.append(seconds(lambda: whole(project, grounder, image, words)))
        again.append(seconds(lambda: grounder.texts(words)))
    vectors = grounder.texts(words)
    product = seconds(lambda: peaks(cells, vectors))
    singly = seconds(lambda: [cosines(cells, vector).max() for vector in vectors])
    one, all_ = statistics.median(alone), statistics.median(everything)
    ratio = all_ / one
    print(f"{grounder.id}: {image.shape[1]}x{image.shape[0]} pixels, {len(words)} tags")
    print(f"  cells                      {'x'.join(map(str, cells.shape))}")
    print(f"  encoding the image alone   {one * 1000:8.1f} ms")
    print(f"  and {len(words)} tags, peaks, 3 maps {all_ * 1000:8.1f} ms")
    print(f"  ratio                      {ratio:8.3f}    wanted: at most {WANTED}")
    print(f"  texts, first time          {first * 1000:8.1f} ms")
    print(f"  texts, remembered          {statistics.median(again) * 1000:8.2f} ms")
    print(f"  scores by one product      {product * 1000:8.2f} ms")
    print(f"  scores tag by tag          {singly * 1000:8.2f} ms")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("--tags", type=int, default=150)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--pack", action="append", default=[], help="a pack that is there")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "photos").mkdir()
        import skimage

        image = images.load(Path(skimage.__file__).parent / "data" / "coffee.png")
        images_there = home / "photos" / "coffee.png"
        images_there.write_bytes((Path(skimage.__file__).parent / "data/coffee.png").read_bytes())
        with Project.create(home / "bench.annot", home / "photos") as project:
            for _ in scan(project):
                pass
            for name in given.pack or ["starter", random_clip(home)]:
                measure(name, image, project, given.tags, given.rounds)


if __name__ == "__main__":
    main()
