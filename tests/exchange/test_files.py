from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.exchange.files import atomic_file, atomic_folder, why


def test_a_file_appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with atomic_file(out) as file:
        file.write(b"new")
        assert not out.exists()
    assert out.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_file(out) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert out.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_new_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_file(tmp_path / "out") as file:
        file.write(b"x")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_bytes(b"old")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    with atomic_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


@pytest.mark.parametrize("make", [atomic_file, atomic_folder])
def test_a_missing_parent_is_named(tmp_path: Path, make: object) -> None:
    with (
        pytest.raises(AnnotatorError, match=r"nowhere is not a folder"),
        make(tmp_path / "nowhere" / "out"),
    ):
        pass


def test_a_device_is_refused() -> None:
    with pytest.raises(AnnotatorError, match="not a file"), atomic_file(Path("/dev/full")):
        pass


def test_a_folder_is_swapped_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("old")
    with atomic_folder(out) as folder:
        (folder / "new.txt").write_text("new")
        assert (out / "old.txt").exists()
    assert [p.name for p in out.iterdir()] == ["new.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_folder_keeps_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.txt").write_text("old")
    with (
        pytest.raises(AnnotatorError, match="the disk is full"),
        atomic_folder(out) as folder,
    ):
        _write_and_fail(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert [p.name for p in out.iterdir()] == ["old.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def _write_and_fail(folder: Path, error: OSError) -> None:
    (folder / "new.txt").write_text("new")
    raise error


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_reasons_are_in_words(number: int, words: str) -> None:
    assert words in why(OSError(number, os.strerror(number)))


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_really_full_disk_leaves_nothing(tmp_path: Path, kind: str) -> None:
    # The kernel refuses to let the file grow, as it does when the disk is full.
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from annotator.core.errors import AnnotatorError
        from annotator.exchange.files import atomic_file, atomic_folder

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        out = Path(sys.argv[2])
        try:
            if sys.argv[1] == "file":
                with atomic_file(out) as file:
                    file.write(bytes(200_000))
            else:
                with atomic_folder(out) as folder:
                    (folder / "large").write_bytes(bytes(200_000))
        except AnnotatorError as error:
            print(error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, kind, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "out could not be written: the disk is full" in done.stdout
    assert list(tmp_path.iterdir()) == []
