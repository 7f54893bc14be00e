"""The models of the chosen pack, for worker threads; nothing is loaded before it is asked for."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.backends.protocols import Grounder, Refiner, Tagger, TextEmbedder
    from annotator.backends.registry import Pack


class Models:
    """Roles of a pack. Every method but ``loaded`` and ``use`` may take seconds: call them on a
    worker thread. Raises AnnotatorError when the pack or the role is missing."""

    def __init__(self, pack: str = "starter") -> None:
        self.name = pack
        self._pack: Pack | None = None
        self._loaded: set[str] = set()

    def use(self, pack: str) -> None:
        """Choose another pack."""
        if pack != self.name:
            self.name, self._pack = pack, None
            self._loaded.clear()

    def loaded(self, role: str) -> bool:
        """Whether the role answers at once."""
        return role in self._loaded

    def pack(self) -> Pack:
        from annotator.backends.registry import load_pack

        if self._pack is None or self._pack.name != self.name:
            self._pack = load_pack(self.name)
        return self._pack

    def tagger(self) -> Tagger:
        found = self.pack().tagger()
        self._ready("tagger")
        return found

    def embedder(self) -> TextEmbedder:
        found = self.pack().embedder()
        self._ready("embedder")
        return found

    def grounder(self) -> Grounder:
        found = self.pack().grounder()
        self._ready("grounder")
        return found

    def refiner(self) -> Refiner:
        found = self.pack().refiner()
        self._ready("refiner")
        return found

    def _ready(self, role: str) -> None:
        if role not in self._loaded:
            self._loaded.add(role)
            # What a model brings stays. Looking through all of it for garbage would hold up the
            # window each time, with PyTorch for a tenth of a second and more.
            gc.freeze()
