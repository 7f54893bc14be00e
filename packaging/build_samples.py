"""The sample photos of the demo, as the bundle ships them: without the packages they come from."""

from __future__ import annotations

import importlib.util
from pathlib import Path, PurePosixPath


def files() -> list[tuple[str, str]]:
    """(file, folder inside the bundle's contents) of each sample photo."""
    from annotator.pipeline.demo import PHOTOS

    rows = set()
    for photo in PHOTOS:
        # Found without being imported: that would take seconds for one file's path.
        spec = importlib.util.find_spec(photo.package)
        (package,) = spec.submodule_search_locations if spec is not None else ()
        source = Path(package, *photo.file.split("/"))
        inside = PurePosixPath("annotator/_data/samples", photo.package, photo.file)
        rows.add((str(source), str(inside.parent)))
    return sorted(rows)
