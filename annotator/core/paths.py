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


def there(path: Path) -> bool:
    """Whether ``path`` is there and can be reached, links followed.

    False, where ``Path.exists`` raises: below a folder that may not be entered, or for a name
    too long for the disk. What is done with the path next then says why.
    """
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder that can be reached; False where ``Path.is_dir`` raises."""
    try:
        return path.is_dir()
    except OSError:
        return False
