"""What a person can do with heatmaps and masks: one command each, with its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QAbstractButton, QApplication

from annotator.core.records import Rle
from annotator.gui.canvas.box_tool import BoxTool
from annotator.gui.canvas.click_tool import ClickTool
from annotator.gui.canvas.cut_tool import CutTool
from annotator.gui.canvas.tool import Tool
from annotator.gui.commands import Commands
from annotator.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.images_view import ImagesView


class MasksActions(QObject):
    """Registers the commands; what is kept goes through the session, so it can be undone."""

    def __init__(self, view: ImagesView, commands: Commands) -> None:
        super().__init__(view)
        self._view = view
        self._desk = view.desk
        self._tools: dict[str, Tool] = {
            tool.name: tool for tool in (CutTool(), ClickTool(), BoxTool())
        }
        view.bar.keep_clicked.connect(self.keep)
        view.bar.drop_clicked.connect(self.drop)
        view.bar.heat_toggled.connect(self._desk.set_heat_on)
        view.tools.chosen.connect(self.choose_tool)
        view.finder.left.connect(view.canvas.setFocus)
        self._register(commands)

    def _register(self, commands: Commands) -> None:
        view, desk = self._view, self._desk

        def add(
            id: str,
            title: str,
            keys: str | tuple[str, ...],
            run: Callable[[], object],
            enabled: Callable[[], bool] | None = None,
        ) -> None:
            name = f"images.{id}"
            commands.add(name, title, keys, run, scope=view, group="Masks", enabled=enabled)

        def step(steps: int) -> None:
            view.bar.threshold.step(steps)

        def tool(name: str) -> Callable[[], None]:
            return lambda: self.choose_tool(name)

        add("heat", "Heatmap of the selected tag", "H", self.toggle_heat)
        add("find", "Find a sentence in the image", "I", view.finder.begin)
        add("smooth", "Smooth the heatmap", "S", self.toggle_smooth)
        add("lower", "Lower the threshold", "[", lambda: step(-2))
        add("higher", "Raise the threshold", "]", lambda: step(2))
        add("keep", "Keep the mask", ("Return", "Enter"), self.keep, self._can_keep)
        add("drop", "Drop the mask, then the heatmap", "Esc", self.drop)
        clicks = desk.clicks
        back = ("Backspace", "Ctrl+Z")
        add("unclick", "Take back the last click", back, clicks.take_back, lambda: clicks.open)
        add("tool_move", "Tool: select and move", "V", tool("select"))
        add("tool_cut", "Tool: cut the heatmap by a click", "C", tool("cut"))
        add("tool_click", "Tool: mask by clicks", "M", tool("click"))
        add("tool_box", "Tool: mask by a box", "B", tool("box"))

    def _can_keep(self) -> bool:
        """Enter presses a button that has the keyboard."""
        focus = QApplication.focusWidget()
        return self._desk.preview is not None and not isinstance(focus, QAbstractButton)

    def toggle_heat(self) -> None:
        self._desk.set_heat_on(not self._desk.grounding.on)

    def toggle_smooth(self) -> None:
        self._desk.set_smooth(not self._desk.grounding.smooth)

    def choose_tool(self, name: str) -> None:
        """ "select", "cut", "click" or "box"; to cut there has to be a heatmap."""
        self._view.canvas.set_tool(self._tools.get(name))
        if name == "cut" and not self._desk.grounding.active:
            self._desk.set_heat_on(True)

    def keep(self) -> None:
        """The mask on screen becomes an accepted region of the person's, or takes the place of
        the one that it corrects. A mask that the model is still at work on is dropped."""
        view, preview = self._view, self._desk.preview
        if preview is None:
            return
        session = view.session
        if preview.replaces is not None:
            session.act(
                _replace_region,
                preview.replaces,
                preview.rle,
                preview.prompt,
                done=view.select_when_read,
            )
        else:
            session.act(
                _keep_region,
                preview.image_id,
                preview.synset_id,
                preview.rle,
                preview.threshold,
                preview.prompt,
            )
        self._desk.drop()

    def drop(self) -> None:
        """First the mask, then the map of a sentence, the heatmap, the selected region, the
        tool."""
        view, grounding = self._view, self._desk.grounding
        if self._desk.drop():
            return
        if grounding.text:
            view.finder.leave()
        elif grounding.on:
            self._desk.set_heat_on(False)
        elif view.regions.region is not None:
            view.select_region(None)
        else:
            view.canvas.set_tool(None)


# Regions bring OpenCV with them, a quarter of a second at the start of the window: it is loaded
# on the decisions thread when the first region is decided.


def _keep_region(
    project: Project,
    image_id: int,
    synset_id: int,
    rle: Rle,
    threshold: float | None,
    prompt: Mapping[str, Any],
) -> int:
    from annotator.operations import regions

    return regions.keep(project, image_id, synset_id, rle, threshold, prompt)


def _replace_region(project: Project, region_id: int, rle: Rle, prompt: Mapping[str, Any]) -> int:
    from annotator.operations import regions

    return regions.replace(project, region_id, rle, prompt)
