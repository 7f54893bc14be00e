"""Which pack makes heatmaps and cuts masks: asked for, kept for the next start, used at once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from annotator.gui import forms
from annotator.gui.forms import MODELS, Forms
from annotator.gui.models import Models
from annotator.gui.models_popover import ModelsPopover
from annotator.gui.pack_facts import MaskPack, read_mask_packs
from annotator.gui.session import Session

STARTER = MaskPack("starter", "Starter", "Small and quick.")
HUGE = MaskPack("huge", "Huge", "On a GPU.", "The weight file huge.pth is not there.")
TINY = MaskPack("tiny", "Tiny", "Clicks in a moment.")


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    made.resize(1000, 700)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def popover(window: QMainWindow) -> ModelsPopover:
    return ModelsPopover(window)


def test_a_pack_that_is_not_there_says_why_and_cannot_be_used(popover: ModelsPopover) -> None:
    asked: list[str] = []
    popover.chosen.connect(asked.append)
    popover.set_packs([STARTER, TINY, HUGE], "tiny")
    popover.open_at()
    assert popover.packs.currentData() == "tiny"
    assert popover.says.text() == "Clicks in a moment."
    assert popover.why.isHidden()
    popover.packs.setCurrentIndex(2)
    assert popover.packs.currentText() == "Huge (not there yet)"
    assert popover.why.text() == HUGE.missing
    assert not popover.go.isEnabled()
    popover.packs.setCurrentIndex(0)
    popover.go.click()
    assert asked == ["starter"]


def test_the_packs_that_can_be_used_come_first() -> None:
    found = read_mask_packs()
    assert found[0].name == "starter"
    lacks = [bool(one.missing) for one in found]
    assert lacks == sorted(lacks)
    names = {one.name for one in found}
    assert {"starter", "hq-sam-tiny", "clip"} <= names
    assert "server" not in names  # its masks are the starter's


def test_the_choice_is_kept_and_told(
    qtbot: QtBot, session: Session, window: QMainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "read_mask_packs", lambda: [STARTER, TINY])
    told: list[str] = []
    session.models_changed.connect(lambda: told.append(session.models.name))
    made = Forms(session, lambda: window)
    made.ask("models", None)
    qtbot.waitUntil(lambda: bool(window.findChildren(ModelsPopover)))
    form = window.findChildren(ModelsPopover)[0]
    qtbot.waitUntil(form.isVisible)
    form.packs.setCurrentIndex(1)
    form.go.click()
    assert told == ["tiny"]
    assert QSettings().value(MODELS) == "tiny"
    session.use_models("tiny")
    assert told == ["tiny"]  # nothing changed


def test_what_a_model_does_instead_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        fallback = ""

    class Pack:
        name = "starter"

        def refiner(self) -> Small:
            return small

    small, models = Small(), Models()
    monkeypatch.setattr(models, "pack", Pack)
    assert models.refiner() is small
    assert models.fallbacks() == []
    small.fallback = "HQ-SAM runs on the CPU."  # it was told so by a full GPU
    assert models.fallbacks() == ["HQ-SAM runs on the CPU."]
    assert models.fallbacks() == []
    small.fallback = "HQ-SAM tiny answers instead."
    assert models.fallbacks() == ["HQ-SAM tiny answers instead."]
