"""Names, shapes and sizes of weights on disk, without reading the weights."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.backends import checkpoints, identify_looks
from annotator.backends.identify_found import Unfit, is_regular, start_of, unreadable
from annotator.backends.pretrained import PICKLED

#: Settings and lists of shards are no larger than this.
_MOST_JSON = 64 * 2**20
#: The format's own limit.
_MOST_HEADER = 100 * 2**20
_INDEX = "model.safetensors.index.json"
#: What folders have beside the model that is used here: other libraries' weights, and code.
_OTHERS = frozenset(
    (".h5", ".msgpack", ".onnx", ".ot", ".tflite", ".pb", ".py", ".pyc", ".mlmodel")
)
_OTHER_FOLDERS = frozenset(("onnx", "openvino", "coreml", "flax", "tf", "original", "__pycache__"))
_PICKLES = frozenset((".bin", ".pt", ".pth", ".ckpt", ".pkl"))


@dataclass(frozen=True, slots=True)
class Tensors:
    """``shapes``: of every weight by its name; ``dtypes``: those there are, as safetensors calls
    them ("F32"), the one with most weights first; ``count``: of single weights."""

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: tuple[str, ...]
    count: int


def read_json(path: Path, what: str = "") -> dict[str, Any]:
    """An object out of a JSON file. Raises Unfit for anything else; ``what`` names the model."""
    says = what or str(path.parent)
    if not is_regular(path):
        raise Unfit(f"{says} lacks the file {path.name}: get it again.")
    try:
        if path.stat().st_size > _MOST_JSON:
            raise Unfit(f"{path} is far too large for what its name says: get it again.")
        identify_looks.check(path)
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise Unfit(f"{path} is no valid JSON: get it again.") from error
    if not isinstance(found, dict):
        raise Unfit(f"{path} holds no settings, as {path.name} does: get it again.")
    return found


def of_folder(folder: Path, *, pickled: bool = False) -> Tensors:
    """The weights of a transformers folder, all shards there and whole; ``pickled``: also out of
    one pickle, which is read without running it. Raises AnnotatorError that names what is missing
    or broken."""
    shards = _shards(folder)
    if shards:
        return _together([header(folder / name) for name in shards])
    if (folder / PICKLED).is_file():
        identify_looks.check(folder / PICKLED)
        if pickled:
            return of_state(checkpoints.state_dict(folder / PICKLED, lazy=True))
    if any(one.suffix in _PICKLES for one in folder.iterdir()):
        raise Unfit(
            f"The weights in {folder} are a pickle, which runs code when it is read: get the model "
            "as safetensors."
        )
    raise Unfit(f"{folder} lacks its weights, a file model.safetensors: get it too.")


def _shards(folder: Path) -> list[str]:
    """Names of the files of safetensors; none where there are none."""
    if not (folder / _INDEX).exists():
        named = sorted(one.name for one in folder.glob("*.safetensors"))
        return ["model.safetensors"] if "model.safetensors" in named else named
    places = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise Unfit(f"{folder / _INDEX} lists no weights: get it again.")
    names = sorted({str(one) for one in places.values()})
    if any(Path(name).name != name for name in names):
        raise Unfit(f"{folder / _INDEX} names files outside of its folder: get it again.")
    missing = [name for name in names if not is_regular(folder / name)]
    if missing:
        of = f"{len(missing)} of its {len(names)} files of weights"
        raise Unfit(f"{folder} lacks {listed(missing)}, {of}: get them too.")
    return names


def header(path: Path) -> Tensors:
    """What a safetensors file says of its weights. Raises Unfit when it is something else, or not
    whole."""
    damaged = Unfit(f"{path} is cut short or damaged: get it again.")
    start = identify_looks.check(path)
    try:
        size = path.stat().st_size
        length = int.from_bytes(start[:8], "little")
        if start[8:9] != b"{" or not 2 <= length <= min(_MOST_HEADER, size - 8):
            raise damaged
        rows = json.loads(start_of(path, 8 + length)[8:].decode("utf-8"))
        rows.pop("__metadata__", None)
        if (
            8 + length + max((int(row["data_offsets"][1]) for row in rows.values()), default=0)
            != size
        ):
            raise damaged
        found = {
            str(name): (str(row["dtype"]), tuple(int(side) for side in row["shape"]))
            for name, row in rows.items()
        }
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise damaged from error
    return made(found)


def made(rows: Mapping[str, tuple[str, tuple[int, ...]]]) -> Tensors:
    """Of (type, shape) by name."""
    counts: dict[str, int] = {}
    for kind, shape in rows.values():
        counts[kind] = counts.get(kind, 0) + math.prod(shape)
    order = sorted(counts, key=lambda kind: -counts[kind])
    return Tensors({n: shape for n, (_, shape) in rows.items()}, tuple(order), sum(counts.values()))


def of_state(state: Mapping[str, Any]) -> Tensors:
    """Of tensors by their names."""
    return made({n: (str(one.dtype), tuple(one.shape)) for n, one in state.items()})


def _together(parts: list[Tensors]) -> Tensors:
    counts: dict[str, int] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for part in parts:
        shapes.update(part.shapes)
        for kind in part.dtypes:
            counts[kind] = counts.get(kind, 0) + part.count
    order = sorted(counts, key=lambda kind: -counts[kind])
    return Tensors(shapes, tuple(order), sum(part.count for part in parts))


def files(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(file, its path in the folder) of what a model's folder needs here: not the weights of other
    libraries, nor code, nor pickles beside safetensors. Links to files are followed, those to
    folders are not."""
    tensors = any(folder.glob("*.safetensors"))
    for home, folders, names in os.walk(folder):
        folders[:] = sorted(
            one for one in folders if not one.startswith(".") and one not in _OTHER_FOLDERS
        )
        for name in sorted(names):
            path = Path(home, name)
            suffix = path.suffix.lower()
            if name.startswith(".") or suffix in _OTHERS or (tensors and suffix in _PICKLES):
                continue
            if is_regular(path):
                yield path, path.relative_to(folder)


def listed(names: list[str], most: int = 3) -> str:
    """A few of them, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
