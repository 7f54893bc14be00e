"""torchvision beside a torch that its compiled operators were not built for.

The published torchvision is linked with CUDA's torch; beside a CPU-only one its library does not
load, and ``import torchvision`` then fails where it gives the operators ``nms`` and ``qnms`` a
shape function: they do not exist. Nothing here uses either, only the image transforms, which are
plain Python. So the two are declared, without a kernel: whoever calls them gets torch's error that
there is none.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from pathlib import Path
from typing import Any

#: What torchvision's Python describes at import although its compiled library is not there, as
#: that library declares it (``torch._C._jit_get_all_schemas`` says so where it loads).
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_BINARIES = frozenset({".so", ".pyd", ".dylib"})
_lock = threading.Lock()
#: What was declared lasts as long as the object that declared it.
_declared: list[Any] = []


def declare() -> None:
    """Make ``import torchvision`` work: before it, once, and only where its compiled operators
    cannot be loaded. Raises ImportError without torch; without torchvision it does nothing."""
    with _lock:
        # Imported already: it has its operators, or the declared ones.
        if _declared or "torchvision" in sys.modules:
            return
        # find_spec of a top-level name imports nothing.
        spec = importlib.util.find_spec("torchvision")
        if spec is None or not spec.submodule_search_locations:
            return
        import torch

        if _loads(Path(spec.submodule_search_locations[0])):
            return
        define: Any = torch.library.Library
        library = define("torchvision", "DEF")
        for schema in SCHEMAS:
            library.define(schema)
        _declared.append(library)


def _loads(package: Path) -> bool:
    """Whether torchvision's compiled operators load from its folder; they then are loaded."""
    import torch

    load: Any = torch.ops.load_library
    found = [path for path in package.glob("_C*") if path.suffix in _BINARIES]
    for path in found:
        try:
            if sys.platform == "win32":
                # As torchvision does before it loads them itself.
                os.add_dll_directory(str(package))
            load(str(path))
        except OSError:
            return False
    return bool(found)
