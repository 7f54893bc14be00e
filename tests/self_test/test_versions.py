"""What is missing, too old, or there twice, is said with what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from annotator.core import program
from annotator.core.errors import AnnotatorError
from annotator.self_test import versions

GOOD = {
    "annotator": "1",
    "python": "3.12.0",
    "platform": "Linux",
    "runs": "from source",
    "sqlite": "3.51.3",
    "qt": "6.11.3",
    "torch": "2.14.1",
}


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bindings and builds that are installed here do not matter."""
    monkeypatch.setattr(versions, "_installed_bindings", lambda: ["PySide6"])
    monkeypatch.setattr(versions, "_distributions", lambda: ["opencv-python-headless"])


def test_all_is_in_order() -> None:
    assert versions.look(GOOD).said == (
        "Annotator 1 from source, Python 3.12.0, SQLite 3.51.3, PyTorch 2.14.1"
    )
    assert versions.look({**GOOD, "qt": "not installed"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sqlite": "3.51.2"}, r"SQLite is 3\.51\.2 and not at least 3\.51\.3: install"),
        ({"sqlite": "3.9.99"}, "not at least"),
        ({"sqlite": "nonsense"}, "not at least"),
        ({"torch": "does not import (no)"}, r"torch does not import \(no\): install"),
        ({"qt": "does not import (libEGL)"}, r"qt does not import \(libEGL\): install"),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        versions.look({**GOOD, **wrong})


def test_a_second_binding_or_build_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions.twice(["PySide6"], ["opencv-python-headless"]) == []
    assert versions.twice([], []) == []
    several = versions.twice(["PySide6", "PyQt6"], ["opencv-python", "opencv-python-headless"])
    assert [said.split(":")[0] for said in several] == [
        "There are PyQt6 and PySide6",
        "There are opencv-python and opencv-python-headless",
    ]
    monkeypatch.setattr(versions, "_distributions", lambda: ["opencv-a", "opencv-b"])
    with pytest.raises(AnnotatorError, match="There are opencv-a and opencv-b: uninstall"):
        versions.look(GOOD)


def test_a_library_that_breaks_on_import_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_for_test.py").write_text("raise RuntimeError('operator\\n nms missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(versions, "_LIBRARIES", {"broken": "broken_for_test", "gone": "gone_test"})
    found = versions.versions()
    assert found["broken"] == "does not import (operator nms missing)"
    assert found["gone"].startswith("does not import (No module named")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def bundle(home: Path, *files: str) -> Path:
    for name in files:
        path = home / "_internal" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return home


def test_a_packaged_copy_has_one_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ("PySide6/Qt/lib/libQt6Core.so.6", "cv2/cv2.abi3.so", "cv2/__init__.py")
    home = bundle(tmp_path / "annotator", *one)
    monkeypatch.setattr(program, "home", lambda: home)
    assert versions.look(GOOD)
    bundle(home, "cv2/qt/fonts/x.ttf", "other/libQt6Core.so.6")
    with pytest.raises(AnnotatorError, match=r"Qt is in this copy .* once .* its own"):
        versions.look(GOOD)
    monkeypatch.setattr(program, "frozen", lambda: True)
    with pytest.raises(AnnotatorError, match="Qt is not in this copy of Annotator"):
        versions.look({**GOOD, "qt": "not installed"})
