"""One picture of what was found: each photo with its masks, and its best tags below."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from annotator.backends.protocols import Pixels
from annotator.core import images, masks
from annotator.core.errors import AnnotatorError
from annotator.core.records import Image, Region, Tag
from annotator.pipeline.files import image_path
from annotator.project import queries
from annotator.project.project import Project

Colour = tuple[int, int, int]

#: More photos than this make a picture that no viewer likes.
MOST = 60
_COLUMNS, _MARGIN, _GAP = 4, 40, 24
_WIDTH = 1600
_CARD = (_WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) // _COLUMNS
_PHOTO_HEIGHT, _PAD, _LINE, _TAGS = 260, 16, 30, 3
_CARD_HEIGHT = _PHOTO_HEIGHT + 2 * _PAD + 30 + _TAGS * _LINE
_HEADER, _FOOTER = 120, 56

_PAPER, _CARD_FILL, _RULE = (243, 244, 246), (255, 255, 255), (216, 220, 227)
_INK, _QUIET, _TRACK = (27, 31, 38), (93, 102, 115), (236, 238, 242)
#: Okabe and Ito's colours, told apart by colour-blind people too, and darker ones of the same hues.
_PALETTE: tuple[Colour, ...] = (
    *((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233)),
    *((0, 73, 114), (139, 61, 0), (0, 101, 74), (135, 63, 105)),
)


@dataclass
class _Colours:
    """A colour for each synset, the same on every photo and different within one photo."""

    of: dict[int, Colour] = field(default_factory=dict)

    def give(self, synset: int, here: list[int]) -> Colour:
        if synset not in self.of:
            taken = {self.of[other] for other in here if other in self.of}
            used = list(self.of.values())
            free = [colour for colour in _PALETTE if colour not in taken] or list(_PALETTE)
            self.of[synset] = min(free, key=used.count)
        return self.of[synset]


def overview(project: Project, out: Path, title: str) -> None:
    """Write a PNG of the project's first images, 1600 pixels wide.

    Masks that nobody rejected are drawn in their synset's colour; where they overlap, the better
    tag is on top. Raises AnnotatorError when ``out`` cannot be written or nothing can be shown.
    """
    with project.read() as db:
        ids = queries.image_ids(db)
        shown = [image for image in queries.images(db, ids[:MOST]) if image.error is None]
        cards = [
            (image, queries.tags(db, image.id), queries.regions(db, image.id)) for image in shown
        ]
        words = queries.status(db)["synsets"]
    if not cards:
        raise AnnotatorError(f"{project.path} has no images to make an overview of.")
    rows = -(-len(cards) // _COLUMNS)
    height = _HEADER + rows * (_CARD_HEIGHT + _GAP) - _GAP + _FOOTER
    sheet = Pillow.new("RGB", (_WIDTH, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    count = f"{len(cards)} of {len(ids)} photos" if len(ids) > len(cards) else f"{len(ids)} photos"
    draw.text((_MARGIN, 34), title, _INK, ImageFont.load_default(34))
    about = f"{count}, {words} words. A bar is the probability that the model gives a tag."
    draw.text((_MARGIN, 78), about, _QUIET, ImageFont.load_default(18))
    colours = _Colours()
    for number, (image, tags, regions) in enumerate(cards):
        x = _MARGIN + number % _COLUMNS * (_CARD + _GAP)
        y = _HEADER + number // _COLUMNS * (_CARD_HEIGHT + _GAP)
        _card(project, sheet, (x, y), image, tags, regions, colours)
    note = "A filled square: the mask of this tag is drawn. An empty one: it has no mask."
    draw.text((_MARGIN, height - 40), note, _QUIET, ImageFont.load_default(16))
    _save(sheet, out)


def _card(
    project: Project,
    sheet: Pillow.Image,
    corner: tuple[int, int],
    image: Image,
    tags: list[Tag],
    regions: list[Region],
    colours: _Colours,
) -> None:
    x, y = corner
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle((x, y, x + _CARD, y + _CARD_HEIGHT), 10, _CARD_FILL, _RULE)
    best = [tag for tag in tags if tag.verdict != "rejected"][:_TAGS]
    here = [tag.synset_id for tag in best]
    for tag in best:
        colours.give(tag.synset_id, here)
    # The first tag wins where masks overlap, so its colour is the one that is seen.
    layers = [
        (region, colours.of[synset])
        for synset in reversed(here)
        for region in regions
        if region.synset_id == synset and region.verdict != "rejected"
    ]
    masked = {region.synset_id for region, _ in layers}
    try:
        pixels = images.load(image_path(project, image))
    except images.ImageUnreadable as error:
        _text(draw, (x + _PAD, y + _PAD), error.reason, _QUIET, 16, _CARD - 2 * _PAD)
    else:
        photo = _painted(pixels, layers, _CARD - 2 * _PAD, _PHOTO_HEIGHT)
        left = x + (_CARD - photo.shape[1]) // 2
        top = y + _PAD + (_PHOTO_HEIGHT - photo.shape[0]) // 2
        sheet.paste(Pillow.fromarray(photo), (left, top))
    line = y + 2 * _PAD + _PHOTO_HEIGHT
    _text(draw, (x + _PAD, line - 4), image.path, _QUIET, 15, _CARD - 2 * _PAD)
    for tag in best:
        line += _LINE
        _tag_line(draw, x + _PAD, line, tag, colours.of[tag.synset_id], tag.synset_id in masked)
    if not best:
        _text(draw, (x + _PAD, line + _LINE), "no tags", _QUIET, 18, _CARD - 2 * _PAD)


def _tag_line(
    draw: ImageDraw.ImageDraw, x: int, y: int, tag: Tag, colour: Colour, masked: bool
) -> None:
    inner = _CARD - 2 * _PAD
    draw.rectangle((x, y + 3, x + 14, y + 17), colour if masked else None, colour, 2)
    _text(draw, (x + 24, y), tag.synset, _INK, 18, inner - 24 - 140)
    chance = tag.probability if tag.probability is not None else tag.score
    if chance is None:
        _text(draw, (x + inner - 130, y), "by a person", _QUIET, 18, 130)
        return
    bar = (x + inner - 130, y + 7, x + inner - 56, y + 13)
    draw.rounded_rectangle(bar, 3, _TRACK)
    # Rounded ends need a few pixels even for a small number.
    end = bar[0] + max(6, round(chance * (bar[2] - bar[0])))
    draw.rounded_rectangle((bar[0], bar[1], end, bar[3]), 3, colour)
    number = f"{100 * chance:.0f} %"
    font = ImageFont.load_default(18)
    draw.text((x + inner - draw.textlength(number, font), y), number, _INK, font)


def _painted(
    pixels: Pixels, layers: list[tuple[Region, Colour]], width: int, height: int
) -> Pixels:
    """The photo inside width x height with its masks, later layers over earlier ones."""
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(pixels, size, interpolation=way)
    owner = np.full(small.shape[:2], -1, dtype=np.int16)
    for number, (region, _) in enumerate(layers):
        if (region.rle.height, region.rle.width) != pixels.shape[:2]:
            continue
        mask = masks.decode(region.rle).astype(np.uint8)
        owner[cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > 0] = number
    painted = small.astype(np.float32)
    for number, (_, colour) in enumerate(layers):
        part = owner == number
        painted[part] = 0.55 * painted[part] + 0.45 * np.array(colour, dtype=np.float32)
    result: Pixels = np.ascontiguousarray(painted.round().astype(np.uint8))
    for number, (_, colour) in enumerate(layers):
        part = (owner == number).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(result, outlines, -1, (255, 255, 255), 3, cv2.LINE_AA)
        cv2.drawContours(result, outlines, -1, colour, 2, cv2.LINE_AA)
    return result


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: Colour,
    size: int,
    room: int,
) -> None:
    """One line of text, shortened at its end to fit into ``room`` pixels."""
    font = ImageFont.load_default(size)
    if draw.textlength(text, font) > room:
        while text and draw.textlength(text + "...", font) > room:
            text = text[:-1]
        text = text.rstrip() + "..."
    draw.text(at, text, colour, font)


def _save(sheet: Pillow.Image, out: Path) -> None:
    temporary = out.with_name(f".annotator-{secrets.token_hex(6)}.part")
    try:
        sheet.save(temporary, "PNG", optimize=True)
        temporary.replace(out)
    except OSError as error:
        raise AnnotatorError(
            f"{out} could not be written ({error.strerror or error}); nothing was left behind."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
