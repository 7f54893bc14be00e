"""Synthetic scenes with exact masks and web-like captions, for ttd_toy.py.

A scene is 64x64 pixels: one of 8 background textures and 3 to 6 objects of 48 kinds, each kind a
shape with a texture in two colours. Kinds share shapes, textures and colours, so that a word is
known by the combination only; light, texture phase and noise vary. The first object is large, each
next one smaller; later ones are laid over earlier ones and the masks are what remains visible. Of
the scenes to train on, some are a single object seen close, or a background alone.

Captions are as on the web, and that is where the single tag bias comes from:

- nearly every caption names the largest object, and first; the other objects are named less and
  less often as they get smaller, the background sometimes;
- some captions are the subject alone ("a kite", "kite"), or the background;
- kinds are of very different frequency (Zipf), so that one rare word tells the scene from all
  others of a batch, and the contrastive loss has little to gain from the rest;
- words that are not on the image: function words, verbs, adjectives, phrases of shops, and now and
  then an object or background that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 64
# fmt: off
OBJECTS = (
    "apple", "ball", "barrel", "basket", "bell", "bench", "boat", "book", "bottle", "box", "bread",
    "brush", "bucket", "bus", "button", "cake", "candle", "car", "cat", "chair", "clock", "coat",
    "cup", "dog", "door", "drum", "fish", "flag", "flower", "fork", "guitar", "hat", "horse",
    "kite", "lamp", "leaf", "lemon", "mirror", "pear", "piano", "rabbit", "radio", "ring", "shoe",
    "spoon", "tent", "train", "vase",
)
# fmt: on
STUFF = ("sky", "grass", "sand", "brick", "water", "wood", "snow", "stone")
WORDS = OBJECTS + STUFF
SHAPES = ("disk", "square", "triangle", "diamond", "ring", "cross", "hexagon", "ellipse")
TEXTURES = ("plain", "rows", "columns", "diagonal", "checks", "dots")
#: Two colours of each of the 8 palettes.
PALETTES = np.array(
    [
        [(205, 45, 45), (245, 150, 130)],
        [(40, 70, 190), (120, 170, 245)],
        [(35, 140, 60), (150, 225, 120)],
        [(230, 190, 40), (130, 90, 20)],
        [(140, 55, 170), (225, 160, 240)],
        [(250, 110, 190), (45, 45, 95)],
        [(25, 25, 35), (235, 120, 30)],
        [(30, 160, 165), (245, 235, 180)],
    ],
    dtype=np.float32,
)
#: Backgrounds: texture, coarse scale in pixels, two colours close to each other.
GROUNDS = (
    ("rows", 16, (190, 205, 220), (210, 220, 230)),
    ("columns", 3, (110, 130, 100), (130, 150, 120)),
    ("dots", 4, (215, 205, 185), (190, 180, 160)),
    ("checks", 6, (150, 125, 120), (175, 145, 140)),
    ("rows", 4, (110, 130, 145), (135, 155, 170)),
    ("columns", 9, (140, 125, 110), (115, 102, 88)),
    ("plain", 8, (240, 241, 244), (240, 241, 244)),
    ("diagonal", 7, (140, 140, 142), (115, 115, 117)),
)
#: Pixels, of the first object, the second, ... and of one that is seen close.
RADII = ((17, 22), (12, 15), (10, 13), (9, 11), (8, 10), (7, 9))
CLOSE = (28, 48)
PREFIXES = ("", "", "", "photo of", "stock image of", "picture of", "close up of", "buy this")
ARTICLES = ("a", "the", "one", "this")
ADJECTIVES = ("old", "beautiful", "vintage", "modern", "cheap", "happy", "little", "famous")
LINKS = ("and", "with", "near", "beside", "next to", "behind")
VERBS = ("standing", "shown", "waiting", "lying", "seen", "placed")
GROUND_LINKS = ("on", "against", "over", "in front of")
TAILS = ("for sale", "at home", "in summer", "free download", "today", "by an artist", "since 1990")
#: Every word that a caption can have.
VOCABULARY = tuple(
    sorted(
        {
            word
            for group in (WORDS, PREFIXES, ARTICLES, ADJECTIVES, LINKS, VERBS, GROUND_LINKS, TAILS)
            for phrase in group
            for word in phrase.split()
        }
    )
)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Habits:
    """How captions are written; probabilities."""

    subject: float = 0.97  # the largest object is named
    others: float = 0.6  # the second is named, the third with its square, ...
    ground: float = 0.5
    alone: float = 0.25  # nothing but the subject, or (a quarter of these) the background
    bare: float = 0.5  # of those, the mere word
    close: float = 0.4  # the scene is one object that fills the image, or (a fifth) background
    false: float = 0.15  # a word of WORDS that is not there is added
    #: The least number of true words; fewer are filled up in order of size.
    least: int = 1


#: Captions to test on: two to five true words.
FULL = Habits(alone=0.0, close=0.0, least=2, ground=0.25)


@dataclass(frozen=True)
class Scene:
    """``image`` uint8[64, 64, 3]; ``shows`` uint8[64, 64], the place in WORDS of what each pixel
    shows; ``true``: the words of the caption that are on the image, ``false``: words of WORDS in
    the caption that are not.
    """

    image: NDArray[np.uint8]
    shows: NDArray[np.uint8]
    caption: str
    true: tuple[str, ...]
    false: tuple[str, ...]

    def mask(self, word: str) -> NDArray[np.bool_]:
        """bool[64, 64]: where the word is; nowhere when it names nothing of this world."""
        if word not in WORDS:
            return np.zeros(self.shows.shape, dtype=bool)
        return np.asarray(self.shows == WORDS.index(word))

    def text_mask(self) -> NDArray[np.bool_]:
        """bool[64, 64]: the union of the masks of the true words."""
        return np.any([self.mask(word) for word in self.true], axis=0)


def look(kind: int) -> tuple[str, str, int]:
    """Shape, texture and palette of a kind; no two kinds share both texture and palette."""
    return SHAPES[(kind * 5 + kind // 8) % 8], TEXTURES[kind % 6], kind // 6


def scenes(count: int, seed: int, habits: Habits = Habits()) -> list[Scene]:
    """The same scenes for the same seed, one after the other from one generator."""
    rng = np.random.default_rng(seed)
    return [scene(rng, habits) for _ in range(count)]


def frequencies() -> NDArray[np.float64]:
    """Zipf with a flattened head, over OBJECTS in an order of no meaning."""
    weights = 1.0 / (np.random.default_rng(7).permutation(len(OBJECTS)) + 8.0)
    return np.asarray(weights / weights.sum())


def scene(rng: np.random.Generator, habits: Habits) -> Scene:
    ground = int(rng.integers(len(STUFF)))
    image = _ground(rng, ground)
    shows = np.full((SIZE, SIZE), len(OBJECTS) + ground, dtype=np.uint8)
    many, close = int(rng.integers(3, 7)), rng.random() < habits.close
    if close:
        many = int(rng.random() < 0.8)
    kinds = rng.choice(len(OBJECTS), size=many, replace=False, p=FREQUENCIES)
    for place, kind in enumerate(kinds):
        _paint(rng, image, shows, int(kind), CLOSE if close else RADII[place])
    areas = {int(kind): int((shows == kind).sum()) for kind in kinds}
    for kind, area in areas.items():
        if area < 30:  # less than half a patch: nobody would name it, nothing can find it
            hidden = shows == kind
            image[hidden] = _ground(rng, ground)[hidden]
            shows[hidden] = len(OBJECTS) + ground
    order = sorted((k for k, area in areas.items() if area >= 30), key=lambda k: -areas[k])
    light = rng.uniform(0.94, 1.06, size=3) * rng.uniform(0.88, 1.1)
    noisy = image * light + rng.normal(0.0, 5.0, size=image.shape)
    named = _named(rng, habits, order, bool((shows == len(OBJECTS) + ground).any()), ground)
    caption, false = _caption(rng, habits, named, set(np.unique(shows).tolist()))
    return Scene(
        np.clip(noisy, 0, 255).astype(np.uint8),
        shows,
        caption,
        tuple(WORDS[i] for i in named),
        tuple(WORDS[i] for i in false),
    )


def _named(
    rng: np.random.Generator, habits: Habits, order: list[int], bare: bool, ground: int
) -> list[int]:
    """What the caption tells of the scene, largest object first, the background last."""
    if not order:
        return [len(OBJECTS) + ground]
    if rng.random() < habits.alone:
        return [len(OBJECTS) + ground] if bare and rng.random() < 0.25 else order[:1]
    odds = [habits.subject, *(habits.others**i for i in range(1, len(order)))]
    named = [kind for kind, odd in zip(order, odds, strict=True) if rng.random() < odd][:4]
    for kind in order:
        if len(named) < habits.least and kind not in named:
            named.append(kind)
    named.sort(key=order.index)
    if bare and (rng.random() < habits.ground or len(named) < habits.least):
        named.append(len(OBJECTS) + ground)
    return named


def _caption(
    rng: np.random.Generator, habits: Habits, named: list[int], shown: set[int]
) -> tuple[str, list[int]]:
    """The caption, and what it names that is not there."""
    if habits.alone and len(named) == 1 and rng.random() < habits.bare:
        return WORDS[named[0]], []
    things = [i for i in named if i < len(OBJECTS)]
    grounds = [i for i in named if i >= len(OBJECTS)]
    false: list[int] = []
    if rng.random() < habits.false:
        absent = [i for i in range(len(WORDS)) if i not in shown]
        odds = np.concatenate([FREQUENCIES * 0.85, np.full(len(STUFF), 0.15 / len(STUFF))])[absent]
        false = [int(rng.choice(absent, p=odds / odds.sum()))]
        if false[0] < len(OBJECTS):
            things.insert(int(rng.integers(1, len(things) + 1)) if things else 0, false[0])
        elif not grounds:
            grounds = list(false)
        else:
            false = []
    pick = lambda words: str(rng.choice(words))  # noqa: E731
    parts = [pick(PREFIXES)]
    for place, kind in enumerate(things):
        if place:
            parts.append(pick(LINKS))
        adjective = pick(ADJECTIVES) if rng.random() < 0.3 else ""
        parts += [pick(ARTICLES), adjective, WORDS[kind]]
    if things and rng.random() < 0.4:
        parts.append(pick(VERBS))
    for kind in grounds:
        parts += [pick(GROUND_LINKS), "the", WORDS[kind]]
    if rng.random() < 0.25:
        parts.append(pick(TAILS))
    return " ".join(" ".join(parts).split()), false


def _texture(name: str, y: Floats, x: Floats, scale: float) -> NDArray[np.bool_]:
    """bool[h, w]: which of the two colours."""
    half = scale / 2
    if name == "rows":
        return np.asarray((y % scale) < half)
    if name == "columns":
        return np.asarray((x % scale) < half)
    if name == "diagonal":
        return np.asarray(((x + y) % scale) < half)
    if name == "checks":
        return np.asarray(((y % scale) < half) ^ ((x % scale) < half))
    if name == "dots":
        return np.asarray((y % scale - half) ** 2 + (x % scale - half) ** 2 < (0.33 * scale) ** 2)
    return np.zeros(y.shape, dtype=bool)


def _ground(rng: np.random.Generator, kind: int) -> Floats:
    name, scale, one, other = GROUNDS[kind]
    phase = rng.uniform(0, scale, size=2)
    chosen = _texture(name, _Y + phase[0], _X + phase[1], float(scale))
    return np.where(chosen[..., None], np.float32(one), np.float32(other)).astype(np.float32)


def _paint(
    rng: np.random.Generator,
    image: Floats,
    shows: NDArray[np.uint8],
    kind: int,
    radii: tuple[float, float],
) -> None:
    """Draw one object, of a radius in pixels between those two, over what is there."""
    shape, texture, palette = look(kind)
    radius = rng.uniform(*radii)
    edge = min(0.6 * radius, 0.4 * SIZE)
    cy, cx = rng.uniform(edge, SIZE - edge, size=2)
    angle = rng.uniform(-0.35, 0.35)
    dy, dx = (_Y - cy) / radius, (_X - cx) / radius
    y, x = dy * np.cos(angle) - dx * np.sin(angle), dy * np.sin(angle) + dx * np.cos(angle)
    inside = _inside(shape, y, x)
    chosen = _texture(texture, y * radius + 99, x * radius + 99, rng.uniform(5.5, 6.5))
    colours = PALETTES[palette] * rng.uniform(0.88, 1.1)
    image[inside] = np.where(chosen[..., None], colours[0], colours[1])[inside]
    shows[inside] = kind


def _inside(shape: str, y: Floats, x: Floats) -> NDArray[np.bool_]:
    """bool[h, w]: inside a shape of radius 1 around (0, 0)."""
    square = np.maximum(abs(y), abs(x))
    distance = y * y + x * x
    found = {
        "disk": lambda: distance < 1,
        "square": lambda: square < 0.88,
        "triangle": lambda: (y < 0.8) & (abs(x) * 1.7 - y < 0.95),
        "diamond": lambda: abs(y) + abs(x) < 1.2,
        "ring": lambda: (distance < 1.1) & (distance > 0.2),
        "cross": lambda: (square < 1) & (np.minimum(abs(y), abs(x)) < 0.42),
        "hexagon": lambda: np.maximum(abs(x), abs(x) * 0.5 + abs(y) * 0.87) < 0.95,
        "ellipse": lambda: (y / 0.72) ** 2 + (x / 1.2) ** 2 < 1,
    }[shape]()
    return np.asarray(found)


_Y, _X = (axis.astype(np.float32) for axis in np.mgrid[:SIZE, :SIZE])
FREQUENCIES = frequencies()
