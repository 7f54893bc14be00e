"""Write resources/imagenet_1k.txt: the WordNet id of each ImageNet-1k class, in class order.

    python packaging/build_imagenet.py [OUT_FILE]

Line i (from 0) is the synset that output i of an ImageNet-1k classifier means, "n" and the
offset in WordNet 3.0. The order is that of timm (timm.data.ImageNetInfo).
"""

from __future__ import annotations

import sys
from pathlib import Path

from timm.data import ImageNetInfo


def main(out: Path) -> None:
    names = ImageNetInfo("imagenet-1k").label_names()
    if len(names) != 1000 or len(set(names)) != 1000:
        raise SystemExit(f"timm names {len(set(names))} classes, not 1000")
    out.write_text("\n".join(names) + "\n", encoding="ascii")
    print(f"{out}: {len(names)} classes")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here / "resources" / "imagenet_1k.txt")
