from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from annotator.gui import opening, recent
from annotator.gui.recent import Recent
from annotator.gui.start_page import RecentCard, StartPage, ago

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today"), (1, "yesterday"), (12, "12 days ago"), (100, "10 December 2025")],
)
def test_how_long_ago(days: int, words: str) -> None:
    assert ago((NOW - timedelta(days=days)).isoformat(), NOW) == words


def test_a_moment_that_is_none_is_shown_as_it_is() -> None:
    assert ago("long ago", NOW) == "long ago"


def test_recent_projects_newest_first_each_once() -> None:
    for name, images in (("a", 1), ("b", 2), ("a", 3)):
        recent.note(Path(f"/{name}.annot"), Path(f"/{name}"), images)
    assert [(row.path, row.images) for row in recent.load()] == [("/a.annot", 3), ("/b.annot", 2)]


def test_opening_again_keeps_the_number_known_before() -> None:
    recent.note(Path("/a.annot"), Path("/a"), 7)
    recent.note(Path("/a.annot"), Path("/a"))
    recent.note(Path("/b.annot"), Path("/b"))
    assert [row.images for row in recent.load()] == [None, 7]


def test_only_the_last_dozen_is_kept_and_one_can_be_forgotten() -> None:
    for i in range(20):
        recent.note(Path(f"/{i}.annot"), Path(f"/{i}"), i)
    assert [row.images for row in recent.load()] == list(range(19, 7, -1))
    recent.forget("/15.annot")
    assert 15 not in [row.images for row in recent.load()]


@pytest.mark.parametrize("junk", ["no json", "[1, 2]", '[{"path": "/a"}]', "null"])
def test_settings_that_are_not_ours_are_no_recent_projects(junk: str) -> None:
    QSettings().setValue("recent", junk)
    assert recent.load() == []


def test_cards_open_and_forget(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    here = Recent("/a.annot", "/a", 1284, NOW.isoformat())
    gone = Recent("/b.annot", "/b", None, NOW.isoformat())
    page.show_recent([(here, True), (gone, False)])
    first, second = page.findChildren(RecentCard)

    def buttons(card: RecentCard) -> dict[str, QPushButton]:
        return {button.text(): button for button in card.findChildren(QPushButton)}

    texts = " ".join(label.text() for label in first.findChildren(QLabel))
    assert "1,284 images" in texts
    assert "not there any more" in " ".join(label.text() for label in second.findChildren(QLabel))
    with qtbot.waitSignal(page.recent_wanted) as wanted:
        buttons(first)["a"].click()
    assert wanted.args == ["/a.annot"]
    assert not buttons(second)["b"].isEnabled()
    with qtbot.waitSignal(page.forget_wanted) as forgotten:
        buttons(second)["Remove"].click()
    assert forgotten.args == ["/b.annot"]


def test_a_long_path_leaves_room_for_the_button_that_forgets_it(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    long = f"/disk/{'a-long-name/' * 30}b.annot"
    for _ in range(2):  # when it is opened, and again when the list changes
        page.show_recent([(Recent(long, "/b", None, NOW.isoformat()), False)] * 3)
    for card in page.findChildren(RecentCard)[-3:]:
        assert card.height() >= card.minimumSizeHint().height()
        remove = next(b for b in card.findChildren(QPushButton) if b.text() == "Remove")
        qtbot.waitUntil(lambda remove=remove: not remove.visibleRegion().isEmpty())
        right = remove.mapTo(page, remove.rect().bottomRight())
        assert page.rect().contains(right)
        assert long in {label.toolTip() for label in card.findChildren(QLabel)}


def test_the_buttons_say_their_keys(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    assert (page.folder.key, page.project.key) == ("Ctrl O", "Ctrl Shift O")


def test_the_start_page_asks(qtbot: QtBot) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.show_recent([])
    assert page.heading.isHidden()
    for button, signal in (
        (page.folder, page.folder_wanted),
        (page.project, page.project_wanted),
        (page.demo, page.demo_wanted),
    ):
        with qtbot.waitSignal(signal):
            button.click()


# --- opening


def test_beside_a_folder_where_nothing_can_be_written(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere" / "photos"
    other.mkdir(parents=True)
    access = os.access
    closed = {photos.parent, other.parent}
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) not in closed and access(path, mode)
    )
    places = {opening.project_of(photos), opening.project_of(other)}
    assert len(places) == 2  # two folders of one name
    for place in places:
        assert str(place).startswith(str(tmp_path / "person"))
    project, new = opening.open_or_create(photos)
    with project:
        assert new
        assert project.path in places
