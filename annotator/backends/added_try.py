"""One look at whether a model that is to be added answers at all."""

from __future__ import annotations

import numpy as np

from annotator.backends.identify_found import clean
from annotator.backends.protocols import Floats, Pixels, Sampling, TagText
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError

_SIDE = 96


def answer(pack: Pack, role: str) -> str:
    """Loads the model of a role and asks it once; what it did, in a sentence. Raises
    AnnotatorError when it cannot be loaded or cannot answer."""
    return _ASK[role](pack)


def _tagger(pack: Pack) -> str:
    prompt = pack.prompts[0] if pack.prompts else None
    text, strategy = (prompt.text, prompt.strategy) if prompt else ("", "list")
    sampling = Sampling(top=3, seeds=(0,), strategy=strategy, max_tokens=20)
    ((said,),) = pack.tagger().propose([_picture()], text, sampling)
    words = clean(said.text) or ", ".join(one.text for one in said.labels)
    return f"it looked at a picture and said: {words or 'nothing'}"


def _language_model(pack: Pack) -> str:
    asked = [{"role": "user", "content": "Name one fruit."}]
    said = pack.language_model().complete(asked, max_tokens=12)
    return f"it was asked for a fruit and said: {clean(said) or 'nothing'}"


def _embedder(pack: Pack) -> str:
    sofa, couch, river = pack.embedder().embed(["sofa", "couch", "river"])
    _check(np.stack([sofa, couch, river]))
    return f"to it sofa and couch are {sofa @ couch:.2f} alike, sofa and river {sofa @ river:.2f}"


def _grounder(pack: Pack) -> str:
    grounder = pack.grounder()
    cells = grounder.pixels(_picture())
    _check(cells)
    _check(grounder.texts([TagText("dog")]))
    rows, columns = cells.shape[:2]
    return f"it compared a picture of {rows} x {columns} cells with a word"


def _refiner(pack: Pack) -> str:
    refiner = pack.refiner()
    found = refiner.refine(refiner.encode(_picture()), box=(24.0, 24.0, 72.0, 72.0))
    if not found:
        raise AnnotatorError("The refiner draws no mask for a box: choose another model.")
    return f"it drew a mask of {int(found[0].mask.sum())} pixels in a box of {48 * 48}"


_ASK = {
    "tagger": _tagger,
    "language_model": _language_model,
    "embedder": _embedder,
    "grounder": _grounder,
    "refiner": _refiner,
}


def _picture() -> Pixels:
    """A bright disc on a dark ground."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE] - (_SIDE - 1) / 2
    disc = rows**2 + columns**2 < (_SIDE / 4) ** 2
    return np.repeat(np.where(disc, 220, 40).astype(np.uint8)[:, :, None], 3, axis=2)


def _check(values: Floats) -> None:
    if not np.isfinite(values).all():
        raise AnnotatorError("The model answers with no numbers: get its files again.")
