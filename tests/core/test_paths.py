from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotator.core.paths import is_folder, shipped, there


@pytest.mark.parametrize("ask", [there, is_folder])
def test_what_cannot_be_asked_is_not_there(tmp_path: Path, ask: Callable[[Path], bool]) -> None:
    assert ask(tmp_path)
    assert not ask(tmp_path / "none")
    assert not ask(tmp_path / ("x" * 300))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert there(file)
    assert not is_folder(file)


def test_what_ships_is_found_or_named() -> None:
    assert shipped("models", "starter.toml").is_file()
    with pytest.raises(FileNotFoundError, match="nothing"):
        shipped("models", "nothing.toml")
