"""Masks by clicks and boxes: what was asked so far, the newest answer, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, QPointF, QRectF, Signal

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image, Rle
from annotator.gui.canvas.encodings import Encodings
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.preview import Preview, Subject
from annotator.gui.faults import in_words
from annotator.gui.session import Session
from annotator.gui.words import plural

Point = tuple[float, float, bool]
Box = tuple[float, float, float, float]
#: A person waits for this: only a picture and a word's suggestions come before it.
_PRIORITY = 7


@dataclass(frozen=True, slots=True)
class Prompt:
    """``points`` as (x, y, inside) and ``box`` as (left, top, right, bottom), in image pixels."""

    points: tuple[Point, ...] = ()
    box: Box | None = None


@dataclass(slots=True)
class _Step:
    prompt: Prompt
    preview: Preview | None = None
    answered: bool = False


class Clicks(QObject):
    """The mask that Enter would keep: the heatmap's, or what the clicks have made of it.

    One question at a time is with the model; clicks made meanwhile are asked together, as the next
    one. Every click is a question of its own number, and an answer to an old one is never shown.
    """

    noted = Signal(str)  # what is going on; "" when the clicks have nothing to say
    prompt_changed = Signal(object)  # Prompt
    preview_changed = Signal(object)  # Preview | None

    def __init__(
        self, session: Session, encodings: Encodings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._encodings = encodings
        self._subject: Subject | None = None
        self._base: Preview | None = None  # the heatmap's mask now
        self._first: Preview | None = None  # the one that the first click began with
        self._steps: list[_Step] = []
        self._question = 0
        self._asking = False

    # ---- what there is -------------------------------------------------------------------

    @property
    def subject(self) -> Subject | None:
        return self._subject

    @property
    def open(self) -> bool:
        """There is a click that can be taken back."""
        return bool(self._steps)

    @property
    def asking(self) -> bool:
        """The model is at work on a click."""
        return self._asking

    @property
    def prompt(self) -> Prompt:
        return self._steps[-1].prompt if self._steps else Prompt()

    @property
    def preview(self) -> Preview | None:
        """The newest mask: what is on screen."""
        if not self._steps:
            return self._base
        return next((s.preview for s in reversed(self._steps) if s.preview), self._first)

    # ---- what a person does --------------------------------------------------------------

    def set_subject(self, subject: Subject | None) -> None:
        """What the next click is about. Another one drops the clicks so far."""
        old = self._subject
        same = (old and old.key) == (subject and subject.key)
        self._subject = subject
        if not same:
            self.drop()

    def set_base(self, preview: Preview | None) -> None:
        """The heatmap has another mask: clicks that began with its mask are asked again."""
        self._base = preview
        if not self._steps:
            self.preview_changed.emit(preview)
        elif self._first is not None and preview is not None:
            self._first = preview
            for step in self._steps:
                step.answered, step.preview = False, None
            self._moved()

    def add(self, at: QPointF, inside: bool) -> None:
        """A point, in image pixels."""
        prompt = self.prompt
        self._go_on(replace(prompt, points=(*prompt.points, (at.x(), at.y(), inside))))

    def set_box(self, box: QRectF) -> None:
        """A box begins anew: the points before it are of another question."""
        self._go_on(Prompt((), (box.left(), box.top(), box.right(), box.bottom())))

    def take_back(self) -> None:
        """The last click; the mask before it is shown again at once."""
        if self._steps:
            self._steps.pop()
            self._moved()

    def drop(self) -> bool:
        """All clicks and their mask; whether there were any."""
        there = self.open
        self._steps.clear()
        self._first = None
        if there:
            self._moved()
        return there

    def prepare(self, image: Image, frame: Frame) -> None:
        """The first click is answered sooner when the image is encoded already."""
        if self._asking:
            return
        self.noted.emit("Getting the image ready…")
        self._session.work(
            lambda: self._encodings.of(image, frame.pixels),
            lambda _: self._say(),
            key="encode",
            priority=_PRIORITY - 1,
            failed=lambda error: self._say(_said(error)),
        )

    # ---- asking --------------------------------------------------------------------------

    def _go_on(self, prompt: Prompt) -> None:
        if self._subject is None:
            return
        if not self._steps:
            self._first = None if self._subject.region is not None else self._base
        self._steps.append(_Step(prompt))
        self._moved()

    def _moved(self) -> None:
        """Points are others now: draw them at once, and ask where the answer is not known."""
        self._question += 1
        self.prompt_changed.emit(self.prompt)
        self.preview_changed.emit(self.preview)
        self._say()
        self._ask()

    def _ask(self) -> None:
        subject = self._subject
        if self._asking or subject is None or not self._steps or self._steps[-1].answered:
            return
        self._asking = True
        question, step = self._question, self._steps[-1]
        shown = self.preview
        before = shown.rle if shown is not None else None
        if shown is None and subject.region is not None:
            before = subject.region.rle
        threshold = self._first.threshold if self._first is not None else None
        began = self._first.prompt if self._first is not None else {}
        self._say()
        self._session.work(
            lambda: self._answer(subject, step.prompt, before, threshold, began),
            lambda answer: self._answered(answer, step, question),
            priority=_PRIORITY,
            failed=lambda error: self._refused(error, step, question),
        )

    def _answer(
        self,
        subject: Subject,
        prompt: Prompt,
        before: Rle | None,
        threshold: float | None,
        began: Mapping[str, Any],
    ) -> Preview | None:
        """In a worker: the mask, None where the Refiner has none."""
        import numpy as np

        from annotator.core import masks
        from annotator.gui.canvas.shapes import outline
        from annotator.pipeline.interactive import answer

        refiner, encoding = self._encodings.of(subject.image, subject.frame.pixels)
        soft = None if before is None else masks.decode(before).astype(np.float32)
        if soft is not None and prompt.box is not None:
            soft = _inside(soft, prompt.box)
        found = answer(refiner, encoding, points=prompt.points, box=prompt.box, mask=soft)
        if found is None or not found.mask.any():
            return None
        told: dict[str, Any] = {
            **began,
            "kind": "clicks",
            "points": [[round(x, 1), round(y, 1), inside] for x, y, inside in prompt.points],
            "refiner": refiner.id,
        }
        if prompt.box is not None:
            told["box"] = [round(edge, 1) for edge in prompt.box]
        return Preview(
            subject.image.id,
            subject.synset_id,
            masks.encode(found.mask),
            outline(found.mask),
            int(found.mask.sum()),
            threshold,
            told,
            None if subject.region is None else subject.region.id,
        )

    def _answered(self, answer: Preview | None, step: _Step, question: int) -> None:
        self._asking = False
        self._session.tell_fallbacks()
        if question == self._question:
            step.preview, step.answered = answer, True
            self.preview_changed.emit(self.preview)
            empty = "No mask there: click elsewhere."
            if not step.prompt.points:
                empty = "No mask in it: draw another box."
            self._say("" if answer is not None else empty)
        else:
            self._say()
        self._ask()

    def _refused(self, error: Exception, step: _Step, question: int) -> None:
        self._asking = False
        if question == self._question:
            step.answered = True
            self._say(_said(error))
        self._ask()

    def _say(self, what: str = "") -> None:
        if not self._steps:
            self.noted.emit(what)
            return
        prompt = self.prompt
        parts = ["a box"] if prompt.box is not None else []
        if prompt.points:
            parts.append(plural(len(prompt.points), "click"))
        parts = [" and ".join(parts)]
        if what:
            parts.append(what)
        elif self._asking:
            parts.append("working…")
        text = " · ".join(parts)
        self.noted.emit(text[:1].upper() + text[1:])


def _inside(soft: Any, box: Box) -> Any:
    """The part of a mask inside a box, None where there is nothing of it."""
    import numpy as np

    left, top, right, bottom = (round(edge) for edge in box)
    cut = np.zeros_like(soft)
    cut[top:bottom, left:right] = soft[top:bottom, left:right]
    return cut if cut.any() else None


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, AnnotatorError) else in_words(error, "No mask")
