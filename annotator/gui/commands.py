"""Every action of the window in one registry: menus, palette, shortcut sheet and keys read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

#: Property of a widget that keeps plain keys (letters, Enter, Esc, arrows) for what is inside it.
OWNS_KEYS = "ownsKeys"
#: Keys that press a button which has the focus.
_PRESSES = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


@dataclass(frozen=True, slots=True)
class Command:
    """``id`` like "tags.accept"; ``title`` a verb phrase; ``keys`` as QKeySequence text, first one
    shown; ``scope``: the widget that must be visible for it, None for the whole window."""

    id: str
    title: str
    keys: tuple[str, ...]
    run: Callable[[], object]
    scope: QWidget | None = None
    group: str = ""
    enabled: Callable[[], bool] = field(default=lambda: True)

    @property
    def available(self) -> bool:
        """Its view is on screen and it can be done now."""
        return (self.scope is None or self.scope.isVisible()) and self.enabled()


class Commands(QObject):
    """The registry, and the one place where keys become actions.

    Keys are handled by an event filter on the window, not by QShortcut: a single letter must reach
    a text field when one has the focus, and two views may use the same key.
    """

    changed = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._commands: dict[str, Command] = {}
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def add(
        self,
        id: str,
        title: str,
        keys: str | tuple[str, ...] = (),
        run: Callable[[], object] = lambda: None,
        *,
        scope: QWidget | None = None,
        group: str = "",
        enabled: Callable[[], bool] | None = None,
    ) -> Command:
        """Register an action; an id can be registered once only (ValueError)."""
        if id in self._commands:
            raise ValueError(f"the action {id} exists already")
        named = (keys,) if isinstance(keys, str) else keys
        command = Command(
            id,
            title,
            tuple(key for key in named if key),
            run,
            scope,
            group or id.partition(".")[0].capitalize(),
            enabled or (lambda: True),
        )
        self._commands[id] = command
        self.changed.emit()
        return command

    def keep(self) -> frozenset[str]:
        """What is registered now, for ``drop_others`` when a project is closed."""
        return frozenset(self._commands)

    def drop_others(self, kept: frozenset[str]) -> None:
        """Forget every action that is not in ``kept``."""
        for id in [id for id in self._commands if id not in kept]:
            del self._commands[id]
        self.changed.emit()

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def get(self, id: str) -> Command:
        """The command of that id; KeyError if there is none."""
        return self._commands[id]

    def run(self, id: str) -> bool:
        """Do it, if it is available now."""
        command = self._commands[id]
        if not command.available:
            return False
        command.run()
        return True

    def action(self, id: str, parent: QObject) -> QAction:
        """A QAction for a menu or button. It shows the key and leaves its handling to us."""
        command = self._commands[id]
        action = QAction(command.title, parent)
        action.triggered.connect(lambda: self.run(id))
        return action

    def key_text(self, id: str) -> str:
        """The first key as a person reads it, "" if there is none."""
        keys = self._commands[id].keys
        return shown(keys[0]) if keys else ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return False
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        if watched.window() is not self._window or not self._window.isVisible():
            return False
        if watched is not (QApplication.focusWidget() or self._window):
            return False
        command = self._command_for(event, watched)
        if command is None:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            # Accepting it makes Qt send the key as a plain key press, which we take below.
            event.accept()
            return True
        command.run()
        return True

    def _command_for(self, event: QKeyEvent, focus: QWidget) -> Command | None:
        pressed = _sequences(event)
        if not pressed:
            return None
        if takes_text(focus) and not _leaves_text(event):
            return None
        modified = _has_modifier(event)
        if isinstance(focus, QAbstractButton) and event.key() in _PRESSES and not modified:
            return None
        if _in_overlay(focus) and not modified:
            return None
        found = [
            command
            for command in self._commands.values()
            if command.available and any(_normal(key) in pressed for key in command.keys)
        ]
        # A view's own action comes before one of the whole window.
        found.sort(key=lambda command: command.scope is None)
        return found[0] if found else None


def shown(key: str) -> str:
    """A key as it is printed on a button: "Ctrl+K", "Y", "?"."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) or key


def takes_text(widget: QWidget | None) -> bool:
    """A letter typed here belongs to the widget."""
    if isinstance(widget, QComboBox):
        return widget.isEditable()
    if isinstance(widget, QLineEdit):
        return not widget.isReadOnly() and widget.isEnabled()
    return isinstance(widget, (QTextEdit, QPlainTextEdit, QAbstractSpinBox))


def _has_modifier(event: QKeyEvent) -> bool:
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return bool(event.modifiers() & modifiers)


def _in_overlay(widget: QWidget | None) -> bool:
    """Keys pressed in a popover are for what is in it, and not for the view behind it."""
    while widget is not None:
        if widget.property(OWNS_KEYS):
            return True
        widget = widget.parentWidget()
    return False


def _leaves_text(event: QKeyEvent) -> bool:
    """Whether a key is ours although a text field has the focus: Ctrl keys that edit no text."""
    if not _has_modifier(event):
        return Qt.Key.Key_F3 <= event.key() <= Qt.Key.Key_F35
    editing = (
        QKeySequence.StandardKey.Undo,
        QKeySequence.StandardKey.Redo,
        QKeySequence.StandardKey.Copy,
        QKeySequence.StandardKey.Cut,
        QKeySequence.StandardKey.Paste,
        QKeySequence.StandardKey.SelectAll,
        QKeySequence.StandardKey.MoveToNextWord,
        QKeySequence.StandardKey.MoveToPreviousWord,
        QKeySequence.StandardKey.SelectNextWord,
        QKeySequence.StandardKey.SelectPreviousWord,
        QKeySequence.StandardKey.DeleteStartOfWord,
        QKeySequence.StandardKey.DeleteEndOfWord,
    )
    return not any(event.matches(key) for key in editing)


def _sequences(event: QKeyEvent) -> set[str]:
    """The ways a pressed key can be written: by its name, and by the sign it types ("?")."""
    if event.key() in (
        Qt.Key.Key_Shift,
        Qt.Key.Key_Control,
        Qt.Key.Key_Alt,
        Qt.Key.Key_Meta,
        Qt.Key.Key_AltGr,
        Qt.Key.Key_unknown,
    ):
        return set()
    names = {QKeySequence(event.keyCombination()).toString()}
    typed = event.text()
    if (
        not _has_modifier(event)
        and typed
        and not typed.isalnum()
        and typed.isprintable()
        and not typed.isspace()
    ):
        names.add(typed)
    if event.modifiers() & Qt.KeyboardModifier.KeypadModifier:
        bare = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        names.add(QKeySequence(QKeyCombination(bare, Qt.Key(event.key()))).toString())
    return names


def _normal(key: str) -> str:
    return QKeySequence(key).toString() or key
