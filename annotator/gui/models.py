"""The models of the chosen pack, for worker threads; nothing is loaded before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.garbage import set_aside

if TYPE_CHECKING:
    from annotator.backends.protocols import Grounder, Refiner, Tagger, TextEmbedder
    from annotator.backends.registry import Pack


class Models:
    """Roles of a pack. Every method but ``loaded``, ``use`` and ``fallbacks`` may take seconds:
    call them on a worker thread. Raises AnnotatorError when the pack or the role is missing."""

    def __init__(self, pack: str = "starter") -> None:
        self.name = pack
        self._pack: Pack | None = None
        self._loaded: dict[str, object] = {}
        self._told: set[str] = set()

    def use(self, pack: str) -> None:
        """Choose another pack."""
        if pack != self.name:
            self.name, self._pack = pack, None
            self._loaded.clear()

    def loaded(self, role: str) -> bool:
        """Whether the role answers at once."""
        return role in self._loaded

    def fallbacks(self) -> list[str]:
        """What models have to do with less than they were told to use, in one sentence each, and
        each only once."""
        found = [getattr(model, "fallback", "") for model in list(self._loaded.values())]
        new = [words for words in dict.fromkeys(found) if words and words not in self._told]
        self._told.update(new)
        return new

    def pack(self) -> Pack:
        from annotator.backends.registry import load_pack

        if self._pack is None or self._pack.name != self.name:
            self._pack = load_pack(self.name)
        return self._pack

    def tagger(self) -> Tagger:
        found = self.pack().tagger()
        self._ready("tagger", found)
        return found

    def embedder(self) -> TextEmbedder:
        found = self.pack().embedder()
        self._ready("embedder", found)
        return found

    def grounder(self) -> Grounder:
        found = self.pack().grounder()
        self._ready("grounder", found)
        return found

    def refiner(self) -> Refiner:
        found = self.pack().refiner()
        self._ready("refiner", found)
        return found

    def _ready(self, role: str, model: object) -> None:
        if self._loaded.get(role) is not model:
            self._loaded[role] = model
            # What a model brings stays. Looking through all of it for garbage would hold up the
            # window each time, with PyTorch for a tenth of a second and more.
            set_aside()
