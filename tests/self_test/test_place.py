"""The self-test leaves what is a person's as it is, and nothing behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs
import pytest

from annotator.backends.registry import model_folders
from annotator.core.errors import AnnotatorError
from annotator.self_test import place


def places() -> list[Path]:
    """Where settings, data, caches and logs of a person are at this moment."""
    return [
        Path.home(),
        Path(tempfile.gettempdir()),
        *model_folders(),
        platformdirs.user_config_path("annotator"),
        platformdirs.user_data_path("annotator"),
        platformdirs.user_cache_path("annotator"),
        platformdirs.user_log_path("annotator"),
        platformdirs.user_state_path("annotator"),
    ]


def test_inside_everything_of_a_person_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOTATOR_MODELS", str(Path.home() / "models"))
    before, environment = places(), dict(os.environ)
    with place.apart() as folder:
        assert all(folder in one.parents for one in places())
        assert set(places()).isdisjoint(before)
        (folder / "home" / "left").write_text("x")
    assert not folder.exists()
    assert places() == before
    assert dict(os.environ) == environment


def test_the_folder_goes_also_after_an_error() -> None:
    environment = dict(os.environ)
    with pytest.raises(ZeroDivisionError), place.apart() as folder:
        raise ZeroDivisionError
    assert not folder.exists()
    assert dict(os.environ) == environment


def test_the_right_to_draw_on_the_display_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".Xauthority").write_bytes(b"cookie")
    monkeypatch.delenv("XAUTHORITY", raising=False)
    with place.apart():
        assert os.environ["XAUTHORITY"] == str(tmp_path / ".Xauthority")
    assert "XAUTHORITY" not in os.environ
    monkeypatch.setenv("XAUTHORITY", "elsewhere")
    with place.apart():
        assert os.environ["XAUTHORITY"] == "elsewhere"


def test_a_folder_that_is_named_is_kept(tmp_path: Path) -> None:
    wanted = tmp_path / "new" / "é ö"
    with place.apart(wanted) as folder:
        assert folder == wanted
        (folder / "found").write_text("x")
    assert (wanted / "found").read_text() == "x"


def test_a_folder_of_a_person_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(AnnotatorError, match="is not empty"), place.apart(tmp_path):
        pytest.fail("it was used")
    with (
        pytest.raises(AnnotatorError, match="cannot be used for the self-test"),
        place.apart(tmp_path / "mine"),
    ):
        pytest.fail("it was used")
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_without_a_place_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(AnnotatorError, match="name one with --keep"), place.apart():
        pytest.fail("it was used")


def test_a_disk_that_is_nearly_full_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(place, "_NEEDED", 2**80)
    with pytest.raises(AnnotatorError, match="free some space"), place.apart():
        pytest.fail("it was used")
    assert list(tmp_path.iterdir()) == []
