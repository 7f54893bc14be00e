"""Sentences that a tag is put into before it is compared with pixels.

CLIP learnt from captions, and a bare word is seldom one (Radford et al. 2021, section 3.1.4): the
mean over many sentences is a better vector for it."""

from __future__ import annotations

from annotator.core.errors import AnnotatorError

#: Those that Radford et al. used for both "a" and "the".
_BOTH = (
    "{} {{}} in a video game.",
    "a bad photo of {} {{}}.",
    "a black and white photo of {} {{}}.",
    "a blurry photo of {} {{}}.",
    "a bright photo of {} {{}}.",
    "a close-up photo of {} {{}}.",
    "a cropped photo of {} {{}}.",
    "a dark photo of {} {{}}.",
    "a doodle of {} {{}}.",
    "a drawing of {} {{}}.",
    "a good photo of {} {{}}.",
    "a jpeg corrupted photo of {} {{}}.",
    "a low resolution photo of {} {{}}.",
    "a painting of {} {{}}.",
    "a photo of {} {{}}.",
    "a pixelated photo of {} {{}}.",
    "a rendering of {} {{}}.",
    "a rendition of {} {{}}.",
    "a sculpture of {} {{}}.",
    "a sketch of {} {{}}.",
    "a tattoo of {} {{}}.",
    "art of {} {{}}.",
    "graffiti of {} {{}}.",
    "itap of {} {{}}.",
)
_BOTH_KINDS = ("cartoon", "embroidered", "origami", "plastic", "plushie", "toy")
_BOTH_LOOKS = ("clean", "cool", "dirty", "hard to see", "large", "nice", "small", "weird")
_MORE = (
    "a photo of many {}.",
    "a photo of my {}.",
    "a photo of one {}.",
    "itap of my {}.",
)
#: The 80 sentences of OpenAI's zero-shot ImageNet classifier.
OPENAI = (
    *(one.format(article) for one in _BOTH for article in ("a", "the")),
    *(f"{article} {kind} {{}}." for kind in _BOTH_KINDS for article in ("a", "the")),
    *(f"a photo of {article} {look} {{}}." for look in _BOTH_LOOKS for article in ("a", "the")),
    *_MORE,
)
#: The seven of them that OpenAI found to be as good as all together.
OPENAI_7 = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
NAMED = {
    "none": ("{}",),
    "photo": ("a photo of a {}",),
    "openai": OPENAI,
    "openai-7": OPENAI_7,
}


def templates(name: str) -> tuple[str, ...]:
    """The sentences of that name, or ``name`` itself if it has "{}" in it, where the tag goes.
    Raises AnnotatorError for another name."""
    if name in NAMED:
        return NAMED[name]
    if "{}" in name:
        return (name,)
    raise AnnotatorError(
        f"The prompt template {name!r} is not known: choose one of {', '.join(NAMED)}, or write a "
        "sentence with {} in it, where the tag goes."
    )


def fill(template: str, text: str) -> str:
    """The sentence with the tag in it. Not str.format: a tag or a template may have braces."""
    return template.replace("{}", text)
