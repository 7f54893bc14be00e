"""How a pack's Tagger is asked: what a person left open is settled here, and each look at an image
gets its seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from annotator.backends.protocols import Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import Strategy
from annotator.pipeline.options import PAPER_SAMPLES, ProposeOptions

#: Params that a run has only when they differ from what a classifier, or the paper, does.
_SOMETIMES = ("strategy", "correct", "temperature", "nucleus", "correction")


class Asked(Protocol):
    """A prompt of a pack, see ``backends.manifest.Prompt``."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def strategy(self) -> Strategy: ...

    @property
    def correction(self) -> str: ...


class HasPrompts(Protocol):
    """What is asked of a pack here."""

    @property
    def name(self) -> str: ...

    @property
    def talks(self) -> bool: ...

    @property
    def prompts(self) -> Sequence[Asked]: ...


@dataclass(frozen=True, slots=True)
class Asking:
    """Options with nothing left open. ``correction``: the second prompt, "" to ask once."""

    options: ProposeOptions
    talks: bool
    correction: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the proposals; None for what a run says nothing of, so that a run that
        says something of it is another one."""
        found = dict.fromkeys(_SOMETIMES) | self.options.identity
        return found | {"correction": self.correction or None}

    @property
    def params(self) -> dict[str, Any]:
        """What a run records of itself."""
        found = self.options.params
        return found | {"correction": self.correction} if self.correction else found

    def sampling(self, seeds: Sequence[int]) -> Sampling:
        """How to ask of the crops that have these seeds."""
        options = self.options
        if not self.talks:
            return Sampling(top=options.top)
        return Sampling(
            top=options.top,
            samples=options.samples or 1,
            temperature=options.temperature,
            nucleus=options.nucleus,
            seeds=tuple(seeds),
            strategy=options.strategy or "list",
            correction=self.correction,
        )


def settle(pack: HasPrompts, options: ProposeOptions) -> Asking:
    """The options as they are for this pack.

    Of a model that talks: ``samples`` are those of the paper over this grid, ``prompt`` is the
    text of one of the pack's prompts or a person's own, ``strategy`` is the prompt's. A person's
    own text is read as a list and corrected by the pack's first correction, unless it says so. A
    classifier answers once, is asked nothing and always says the same: what is about that stays
    at its defaults, so that its runs are equal. Raises AnnotatorError for a prompt that the pack
    does not have, and for a correction where there is none.
    """
    if not pack.talks:
        if options.correct:
            raise AnnotatorError(
                f"The model of the pack {pack.name} is not asked in words and cannot correct "
                "itself: leave the correction out, or choose a pack that talks."
            )
        default = ProposeOptions()
        return Asking(
            replace(
                options,
                samples=1,
                prompt="",
                strategy=None,
                temperature=default.temperature,
                nucleus=default.nucleus,
            ),
            talks=False,
        )
    text, strategy, correction = _prompt(pack, options)
    if options.correct and not correction:
        raise AnnotatorError(
            f"This prompt of the pack {pack.name} has no correction: leave the correction out, or "
            "choose another prompt."
        )
    settled = replace(
        options,
        samples=options.samples or PAPER_SAMPLES[options.grid],
        prompt=text,
        strategy=options.strategy or strategy,
    )
    return Asking(settled, talks=True, correction=correction if options.correct else "")


def _prompt(pack: HasPrompts, options: ProposeOptions) -> tuple[str, Strategy, str]:
    """(text, strategy, correction) of the prompt."""
    wanted = options.prompt.strip()
    if not wanted:
        if not pack.prompts:
            raise AnnotatorError(f"The pack {pack.name} has no prompts: type one.")
        wanted = pack.prompts[0].name
    for one in pack.prompts:
        if wanted in (one.name, one.text.strip()):
            return one.text, one.strategy, one.correction
    if len(wanted.split()) == 1:
        # One word asks nothing of a model: it is a name, misspelt.
        known = ", ".join(one.name for one in pack.prompts) or "none"
        raise AnnotatorError(
            f"The pack {pack.name} has no prompt named {wanted}: choose one of {known}, or type "
            "a whole sentence."
        )
    corrections = [one.correction for one in pack.prompts if one.correction]
    return wanted, "list", corrections[0] if corrections else ""


def seed(of_run: int, content: str, crop: str) -> int:
    """The seed of a crop, 0 <= seed < 2**31: the same in every run with the same seed, another one
    for every content of an image and every crop."""
    said = f"{of_run}\n{content}\n{crop}".encode()
    digest = hashlib.blake2b(said, digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1  # 31 bits, which every server takes
