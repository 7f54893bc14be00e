"""The walk over a folder: real files, real links."""

import os
import sys
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.pipeline import listing
from annotator.pipeline.listing import Listing

posix = pytest.mark.skipif(os.name != "posix", reason="links and permissions as POSIX has them")


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def paths(folder: Path) -> list[str]:
    return [found.path for found in Listing(folder)]


def test_lists_images_in_the_order_of_their_whole_path(tmp_path: Path) -> None:
    names = ["b.jpg", "a/2.png", "a.jpg", "a/1.PNG", "a-b/x.jpg", "a/é/z.webp", "Z.gif"]
    for name in names:
        touch(tmp_path / name)
    touch(tmp_path / "notes.txt")
    assert paths(tmp_path) == sorted(names)


def test_a_huge_folder_is_in_order_though_its_first_files_come_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_FIRST", 3)
    monkeypatch.setattr(listing, "_RUN", 7)
    names = [f"{i * 37 % 50:02}.jpg" for i in range(50)]
    for name in (*names, "10.jpg.d/a.png", "00/b.png", "notes.txt", ".hidden.jpg"):
        touch(tmp_path / name)
    assert paths(tmp_path) == sorted([*names, "10.jpg.d/a.png", "00/b.png"])


def test_leaves_out_what_is_hidden(tmp_path: Path) -> None:
    touch(tmp_path / ".hidden.jpg")
    touch(tmp_path / ".thumbs" / "a.jpg")
    touch(tmp_path / "shown.jpg")
    assert paths(tmp_path) == ["shown.jpg"]


def test_says_size_and_time(tmp_path: Path) -> None:
    file = touch(tmp_path / "a.jpg", b"12345")
    os.utime(file, ns=(1, 1_234_567_890))
    (listed,) = Listing(tmp_path)
    assert (listed.bytes, listed.mtime_ns) == (5, 1_234_567_890)


def test_a_very_deep_tree_does_not_meet_the_recursion_limit(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*("d" for _ in range(400)))
    touch(deep / "a.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert len(paths(tmp_path)) == 1
    finally:
        sys.setrecursionlimit(limit)


@posix
def test_linked_folders_end_and_nothing_inside_is_listed_twice(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    touch(root / "a" / "1.jpg")
    touch(outside / "2.jpg")
    (root / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    (root / "same").symlink_to(root / "a")
    (root / "out").symlink_to(outside)
    (root / "out2").symlink_to(outside)
    (outside / "back").symlink_to(outside)
    (outside / "into").symlink_to(root / "a")
    (root / "broken.jpg").symlink_to(root / "nothing")
    (root / "self.jpg").symlink_to(root / "self.jpg")
    listing = Listing(root)
    assert [found.path for found in listing] == ["a/1.jpg", "out/2.jpg"]
    assert [failure.image for failure in listing.failed] == ["self.jpg"]


@posix
def test_a_linked_file_is_an_image(tmp_path: Path) -> None:
    real = touch(tmp_path / "elsewhere" / "real.jpg", b"123")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(real)
    (listed,) = Listing(root)
    assert (listed.path, listed.bytes) == ("link.jpg", 3)


@posix
def test_a_pipe_named_like_an_image_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert paths(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stores names that are not Unicode")
def test_a_name_that_is_not_unicode_is_a_failure(tmp_path: Path) -> None:
    touch(tmp_path / "good.jpg")
    with open(os.fsencode(tmp_path) + b"/bad\xff.jpg", "wb") as file:
        file.write(b"x")
    listing = Listing(tmp_path)
    assert [found.path for found in listing] == ["good.jpg"]
    assert [failure.image for failure in listing.failed] == ["bad\\udcff.jpg"]


def test_a_folder_that_cannot_be_read_is_a_failure_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "open" / "a.jpg")
    touch(tmp_path / "shut" / "b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:  # as the system does; the tests may run as root
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = Listing(tmp_path)
    assert [found.path for found in listing] == ["open/a.jpg"]
    assert listing.closed == ["shut/"]
    assert "Permission denied" in listing.failed[0].reason


@pytest.mark.parametrize(("kind", "says"), [("gone", "not there any more"), ("file", "is a file")])
def test_no_folder_is_one_sentence(tmp_path: Path, kind: str, says: str) -> None:
    folder = tmp_path / kind
    if kind == "file":
        folder.write_bytes(b"")
    with pytest.raises(AnnotatorError, match=says) as error:
        list(Listing(folder))
    assert str(folder) in str(error.value)
