"""Lists in brackets and dictionaries, in any notation, whole or cut off: one pass, no recursion."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from annotator.core.replies_labels import Piece
from annotator.core.replies_text import Text, words_of

_OPEN = "[{［【"
_CLOSE = "]}］】"
_COMMAS = ",;，、；،؛"
_DOUBLE, _SINGLE = '"“”„‟＂〝〞″', "'‘’‚‛`´＇′"
_ANGLES = "«»‹›「」『』《》〈〉"
QUOTES = _DOUBLE + _SINGLE + _ANGLES
_FAMILY = {char: family for family in (_DOUBLE, _SINGLE, _ANGLES) for char in family}
# A string longer than this has lost its closing quote.
_LONGEST = 300

_OPENING = re.compile(r"[\[{［【]")
_ENTRY_ENDS = re.compile(f"\\s{{0,20}}(?:[\\]}}]|,\\s{{0,20}}[{QUOTES}])")
_QUOTE_OR_LINE_END = re.compile(f"[{QUOTES}\n]")
_SPACE = re.compile(r"[^\S\n]*")
_BARE = re.compile(r"[^,;，、；،؛\n\[\]{}［］【】:：()（）]+")
_PREFIX = re.compile(r"[bBuUrRfF]{1,2}(?=[\"'])")
_COMMENT = re.compile(r"(?:#|//)[^\n]*")
_COLON = re.compile(r"\s{0,20}(?:=>|->|[:：](?!//)|=(?!=))")
_BLANK_LINE = re.compile(r"\n\n[^\S\n]*(?=[^\W\d])")
_CLOSING = re.compile(
    r"\s{0,50}(?:$|[,;:，、；،؛：\]})］】=\n]|#|//)|\s{1,50}(?:[(\[\-–—|]|(?:and|or|&|y|et|und|и)\s)"
    f"|\\s{{1,50}}[{QUOTES}]|[.!?。](?:\\s|$)"
)
_NEXT_STRING = re.compile(f"[,;，、；][^\\S\n]{{0,20}}(?=[{_DOUBLE}{_SINGLE}])")

# What the keys of a dictionary say about their values.
_LABEL_KEYS = words_of("""
    label name object class item tag noun concept entity element class_name label_name
    object_name segment subject main_subject main_object
""")
_WEAK_KEYS = words_of("category type supercategory group kind text value title")
_LIST_KEYS = words_of("""
    labels names objects classes items tags nouns concepts entities elements segments categories
    list result results output outputs answer answers response data image images foreground
    background detections predictions annotations detected_objects visible_objects things stuff
    semantic_labels segmentation_labels semantic_segmentation_labels content final_answer
    regions others other scene
""")
_OTHER_KEYS = words_of("""
    color colour colors position location size shape material description state action pose age
    gender mood style count number quantity confidence score scores probability prob bbox
    bbox_2d box box_2d boxes bounding_box coordinates x y x1 y1 x2 y2 width height w h id index
    area mask polygon points point point_2d segmentation attributes attribute relation relations
    reason explanation comment note notes error message status success code model role caption
    summary url path image_id file_name filename version timestamp language thought thoughts
    thinking reasoning refusal details detail finish_reason choices usage total texture finished
    is_visible visible present parent image_size user system prompt
""")
_NUMBERED_KEY = re.compile(
    r"(?:object|label|item|class|tag|segment|region|entity|element)?s?[\s_#-]{0,3}\d{1,4}"
)


@dataclass(slots=True)
class _Frame:
    """An open bracket. Pieces by what their key was; ``key`` waits for its value."""

    opener: str
    attached: bool = False
    glued: bool = False
    found: list[Piece] = field(default_factory=list)
    keyed: list[Piece] = field(default_factory=list)
    weak: list[Piece] = field(default_factory=list)
    key: Piece | None = None
    entries: int = 0
    quoted: bool = False

    def take(self, piece: Piece) -> None:
        """A string or a word that is no key."""
        self.entries += 1
        self.quoted |= piece.quoted
        key, self.key = self.key, None
        role = _role(key) if key is not None else "label"
        if role == "key" and key is not None:
            self._add_key(key)
        elif not any(map(str.isalpha, piece.text.chars)):
            return  # The numbers of a box.
        elif role == "label":
            self.found.append(piece)
        elif role == "weak":
            self.weak.append(piece)

    def take_group(self, pieces: list[Piece]) -> None:
        """What a bracket inside of this one held."""
        self.entries += 1
        key, self.key = self.key, None
        role = _role(key) if key is not None else "label"
        if role == "other":
            return
        if pieces:
            # The short one goes into the long one, however deep they are; sorted at the end.
            short, long = sorted((self.found, pieces), key=len)
            long.extend(short)
            self.found = long
        elif role == "key" and key is not None:
            self._add_key(key)

    def end_entry(self) -> None:
        """A comma: a key that still waits has no value."""
        if self.key is not None:
            self.take(Piece(self.key.text.part(0, 0)))

    def pieces(self) -> list[Piece]:
        self.end_entry()
        return self.found or self.keyed or self.weak

    def _add_key(self, key: Piece) -> None:
        if key.text.chars:
            (self.keyed if self.opener == "{" else self.found).append(key)


@dataclass(slots=True)
class Lists:
    """``pieces``: where labels are likely. ``seen``: there was a list, maybe an empty one.
    ``quoted``: it had strings. ``open``: the last one never ended."""

    pieces: list[Piece] = field(default_factory=list)
    seen: bool = False
    quoted: bool = False
    open: bool = False


def lists(text: Text, *, inside: bool = False) -> Lists:
    """Everything in brackets. ``inside``: the text is the inside of a list that has none."""
    reader = _Reader(text)
    if inside:
        reader.frames.append(_Frame("["))
        reader.implied = 1
    reader.read()
    return reader.result


class _Reader:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.chars = text.chars
        self.at = 0
        self.frames: list[_Frame] = []
        self.implied = 0
        self.result = Lists()
        # Up to where no quote of a family ends a string: never looked through twice.
        self.barren: dict[str, int] = {}

    def read(self) -> None:
        size = len(self.chars)
        while self.at < size:
            if self.frames:
                self._step()
                continue
            found = _OPENING.search(self.chars, self.at)
            if found is None:
                break
            self.at = found.start()
            self._push()
        self.result.open = len(self.frames) > self.implied
        while self.frames:
            self._pop()
        self.result.pieces.sort(key=lambda piece: piece.text.starts[0])

    def _step(self) -> None:
        """One token inside of a bracket."""
        char = self.chars[self.at]
        frame = self.frames[-1]
        if char == "\n":
            self._line_end(frame)
        elif char.isspace():
            self.at += 1
        elif char in _COMMAS:
            frame.end_entry()
            self.at += 1
        elif char in _OPEN or (char == "(" and self._tuple()):
            self._push()
        elif char in _CLOSE:
            self.at += 1
            if len(self.frames) > self.implied:
                self._pop()
        elif char == ")" and frame.opener == "(":
            self.at += 1
            self._pop()
        elif char in ")）:：":
            self.at += 1
        elif comment := _COMMENT.match(self.chars, self.at):
            self.at = comment.end()
        else:
            self._entry(frame)

    def _line_end(self, frame: _Frame) -> None:
        blank = _BLANK_LINE.match(self.chars, self.at) if frame.quoted else None
        if blank and not self.implied:
            # The bracket was forgotten: what follows is an explanation.
            self.at = blank.end()
            while self.frames:
                self._pop()
            return
        if frame.key is None:
            frame.end_entry()
        self.at += 1

    def _tuple(self) -> bool:
        after = _SPACE.match(self.chars, self.at + 1)
        at = after.end() if after else self.at + 1
        return at < len(self.chars) and self.chars[at] in QUOTES

    def _push(self) -> None:
        before = self.chars[max(0, self.at - 40) : self.at].rpartition("\n")[2]
        last = before.rstrip()[-1:]
        attached = last.isalnum() or (last != "" and last in ")]_")
        glued = attached and before[-1:] == last
        self.frames.append(_Frame(self.chars[self.at], attached, glued))
        self.at += 1

    def _pop(self) -> None:
        frame = self.frames.pop()
        pieces = frame.pieces()
        if self.frames:
            self.frames[-1].take_group(pieces)
            self.frames[-1].quoted |= frame.quoted
            return
        # "tree [background]" and row["label"] are no lists.
        if frame.entries <= 1 and frame.attached and (frame.glued or not frame.quoted):
            return
        self.result.seen = True
        self.result.quoted |= frame.quoted or any(piece.quoted for piece in pieces)
        self.result.pieces.extend(pieces)

    def _entry(self, frame: _Frame) -> None:
        prefix = _PREFIX.match(self.chars, self.at)
        if prefix:
            self.at = prefix.end()
        quote = self.chars[self.at] in QUOTES
        piece = self._string() if quote else self._bare(frame)
        if piece is None:
            return
        colon = _COLON.match(self.chars, self.at)
        if colon and frame.key is None:
            frame.end_entry()
            frame.key = piece
            frame.quoted |= piece.quoted
            self.at = colon.end()
        elif any(char.isalnum() for char in piece.text.chars) or frame.key is not None:
            frame.take(piece)

    def _string(self) -> Piece | None:
        """A string, from its quote on. An apostrophe ends none: a closing quote is followed by
        what follows an entry."""
        begin = self.at + 1
        family = _FAMILY[self.chars[self.at]]
        missing = _NEXT_STRING.search(self.chars, begin, begin + _LONGEST)
        limit = min(len(self.chars), begin + _LONGEST)
        at = max(begin, self.barren.get(family, 0))
        while found := _QUOTE_OR_LINE_END.search(self.chars, at, limit):
            mark, at = found[0], found.end()
            if mark == "\n":
                return self._unclosed(begin, found.start(), whole=True)
            closes = _CLOSING.match(self.chars, at) is not None
            if missing and found.start() >= missing.end() and not closes:
                limit = found.start()
                break
            same = mark in family
            if closes and (same or self._ends_entry(at)):
                self.at = at
                return Piece(self.text.part(begin, found.start()), quoted=True)
        self.barren[family] = limit
        if missing:
            return self._unclosed(begin, missing.start(), whole=True)
        end = _BARE.match(self.chars, begin)
        stop = end.end() if end else begin
        return self._unclosed(begin, stop, whole=stop < len(self.chars))

    def _ends_entry(self, at: int) -> bool:
        """Whether a quote of another kind surely ends the string."""
        return _ENTRY_ENDS.match(self.chars, at) is not None

    def _unclosed(self, begin: int, end: int, *, whole: bool) -> Piece | None:
        self.at = max(end, begin)
        if not whole and len(self.frames) > self.implied:
            return None
        return Piece(self.text.part(begin, end), quoted=whole, open=not whole)

    def _bare(self, frame: _Frame) -> Piece | None:
        begin = self.at
        size = len(self.chars)
        while self.at < size:
            run = _BARE.match(self.chars, self.at)
            if run:
                self.at = run.end()
            if self.at >= size:
                break
            char = self.chars[self.at]
            if char in "(（" and self.at > begin:
                close = self.chars.find(")" if char == "(" else "）", self.at, self.at + 200)
                if close > 0 and "\n" not in self.chars[self.at : close]:
                    self.at = close + 1
                    continue
            elif (char in "([（" and self.at > begin) or not (
                char in "(（"
                or (char in ")）" and frame.opener != "(")
                or (char in ":：" and not self._is_colon())
            ):
                break
            self.at += 1
        if self.at == begin:
            self.at += 1
            return None
        if self.at >= size and len(self.frames) > self.implied:
            return None  # Cut off amid a word.
        return Piece(self.text.part(begin, self.at))

    def _is_colon(self) -> bool:
        after = self.chars[self.at + 1 : self.at + 2]
        return after in ("", " ", "\n") or after in QUOTES or after in _OPEN or after.isdigit()


def _role(key: Piece) -> str:
    """What the value of a key is: "label", "weak" (a label if there is none else), "other" (no
    label), or "key": the key itself is the label."""
    name = "_".join(key.text.chars.lower().replace("-", " ").split())
    if name in _LABEL_KEYS or name in _LIST_KEYS or _NUMBERED_KEY.fullmatch(name):
        return "label"
    if name in _WEAK_KEYS:
        return "weak"
    return "other" if name in _OTHER_KEYS else "key"
