"""A model server that a person adds: its address, its model, and where its key is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import shiboken6
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from annotator.core.errors import AnnotatorError
from annotator.gui.faults import in_words
from annotator.gui.form import Form, hint
from annotator.gui.session import Session
from annotator.gui.words import plural

_NOTHING_SENT = (
    "Saving sends nothing. Images go to this address only when you propose with it, words only "
    "when you let it suggest groups. “Look” asks it for the names of its models, and nothing else."
)
_KEPT = (
    "The key goes into the keyring of this computer when you press Look or Save, and into no file "
    "of Annotator. Leave it empty if it is there already."
)
#: Names of models that are listed; more are typed.
_MOST = 500
_NO_KEY, _VARIABLE, _KEYRING = "", "env", "keyring"


@dataclass(frozen=True, slots=True)
class Server:
    """What the form says. ``model`` "" is the server's first one, ``words`` "" the same for
    words. ``key``: "", "env:VARIABLE" or "keyring:NAME"; ``secret``: what is to
    be put there, "" when it is there already."""

    name: str
    address: str
    model: str
    words: str
    key: str
    secret: str = field(repr=False)


class ServerPopover(Form):
    """Emits ``saved`` with the name of the pack it wrote. All work is done on workers."""

    saved = Signal(str)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__("Model server", _NOTHING_SENT, "Save", window, width=440)
        self._session = session
        self._saving = False
        self.name = QLineEdit("my-server", self)
        self.address = QLineEdit("http://127.0.0.1:8000/v1", self)
        self.model = _typed(self, "the first one it has")
        self.words = _typed(self, "the same")
        self.look = QPushButton("Look", self)
        self.look.setToolTip("Ask the server which models it has")
        models = QHBoxLayout()
        models.setSpacing(6)
        models.addWidget(self.model, 1)
        models.addWidget(self.look)
        self.model.setAccessibleName("Model")
        self.key = QComboBox(self)
        self.key.addItem("needs none", _NO_KEY)
        self.key.addItem("is in an environment variable", _VARIABLE)
        self.key.addItem("is in the keyring", _KEYRING)
        self.variable = QLineEdit("OPENAI_API_KEY", self)
        self.entry = QLineEdit(self)
        self.entry.setPlaceholderText("the name of the pack")
        self.secret = QLineEdit(self)
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.secret.setPlaceholderText("stored already")
        self.kept = hint(_KEPT, self)
        self.says = hint("", self)
        self.row("Name", self.name)
        self.row("Address", self.address)
        self.row("Model for images", models)
        self.row("Model for words", self.words)
        self.row("Key", self.key)
        self.row("Variable", self.variable)
        self.row("Entry", self.entry)
        self.row("Key itself", self.secret)
        self.form.addRow(self.kept)
        self.form.addRow(self.says)
        self.setTabOrder(self.model, self.look)
        self.setTabOrder(self.look, self.words)
        self.key.currentIndexChanged.connect(self._refresh)
        for edit in (self.name, self.address):
            edit.textChanged.connect(self._refresh)
        self.look.clicked.connect(self._look)
        self.go.clicked.connect(self._save)
        self._refresh()

    @property
    def server(self) -> Server:
        """What is typed now."""
        kind, name = self.key.currentData(), self.name.text().strip()
        key = {
            _NO_KEY: "",
            _VARIABLE: f"env:{self.variable.text().strip()}",
            _KEYRING: f"keyring:{self.entry.text().strip() or name}",
        }[kind]
        secret = self.secret.text() if kind == _KEYRING else ""
        return Server(
            name,
            self.address.text().strip(),
            self.model.currentText().strip(),
            self.words.currentText().strip(),
            key,
            secret,
        )

    def close_it(self) -> None:
        """A secret stays in no field."""
        self.secret.clear()
        super().close_it()

    def _refresh(self, _: object = None) -> None:
        kind = self.key.currentData()
        self.form.setRowVisible(self.variable, kind == _VARIABLE)
        for part in (self.entry, self.secret, self.kept):
            self.form.setRowVisible(part, kind == _KEYRING)
        self.form.setRowVisible(self.says, bool(self.says.text()))
        one = self.server
        self.look.setEnabled(bool(one.address))
        self.go.setEnabled(bool(one.name and one.address))
        if self.isVisible():
            self.place()

    def _say(self, text: str, kind: str = "hint") -> None:
        self.says.setText(text)
        self.says.setObjectName(kind)
        self.says.style().unpolish(self.says)
        self.says.style().polish(self.says)
        self._refresh()

    def _look(self) -> None:
        one = self.server
        self._say(f"Asking {one.address} …")

        def ask() -> list[str]:
            from annotator.backends import servers

            _keep(one)
            return servers.probe(one.address, one.key)

        self._session.work(ask, self._found, key="server.look", priority=10, failed=self._failed)

    def _found(self, models: list[str]) -> None:
        if not shiboken6.isValid(self):
            return
        for box, first in ((self.model, models[:1]), (self.words, [])):
            typed = box.currentText().strip()
            box.clear()
            box.addItems(models[:_MOST])
            box.setCurrentText(typed or "".join(first))
        found = f"It has {plural(len(models), 'model')}." + " Choose one above." * (len(models) > 1)
        self._say(found if models else "It names no model: type the name of one.")

    def _failed(self, error: Exception) -> None:
        if shiboken6.isValid(self):
            known = isinstance(error, AnnotatorError)
            self._say(str(error) if known else in_words(error, "That did not work"), "error")

    def _save(self) -> None:
        if self._saving:
            return  # Not disabled meanwhile: the keyboard would leave the button.
        one = self.server
        self._saving = True

        def write() -> str:
            from annotator.backends import servers

            _keep(one)  # first: no pack is left that names a key which is nowhere
            servers.write_pack(one.name, one.address, one.model, one.key, one.words or None)
            return one.name

        def failed(error: Exception) -> None:
            self._saving = False
            self._failed(error)

        self._session.work(write, self._written, priority=10, failed=failed)

    def _written(self, name: str) -> None:
        self._saving = False
        if shiboken6.isValid(self):
            self._say("")
            self.close_it()
            self.saved.emit(name)


def _keep(server: Server) -> None:
    """Put the key where it is kept, on a worker."""
    if server.secret:
        from annotator.backends import keys

        keys.store(server.key, server.secret)


def _typed(parent: QWidget, empty: str) -> QComboBox:
    """A field to type into, with a list; ``empty``: what it means with nothing in it."""
    edit = QLineEdit()
    edit.setPlaceholderText(empty)
    box = QComboBox(parent)
    box.setEditable(True)
    box.setLineEdit(edit)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    return box
