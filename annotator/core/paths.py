"""Where the files that ship with the program are."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. ``shipped("resources", "wordnet", "nouns.tsv.gz")``.

    A wheel carries ``resources`` and ``models`` inside the package; a checkout has them beside it.
    Raises FileNotFoundError, naming the path, when the installation is incomplete.
    """
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{Path(*parts)} is missing from this installation of Annotator; install it again."
    )
