"""What a label is: the last step from a piece of a reply to words for the vocabulary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from annotator.core.nouns_words import NOUNS_LIKE_VERBS
from annotator.core.replies_text import Text, plain, words_of

MAX_LETTERS = 80
MAX_WORDS = 8
#: Words of a label that stands in no quotes: more of them are a sentence.
MAX_BARE_WORDS = 5
_LONGEST_PIECE = 1000
_AROUND = " \n\t[]{}'\",.;"


@dataclass(frozen=True, slots=True)
class Label:
    """A label as it stands in the reply: ``text`` was written by ``reply[start:end]``. ``text``
    is clean (no quotes, no escapes, no control characters), its words and case are the model's."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a label is likely. ``quoted``: in quotes, so its end is known. ``prose``: out of a
    sentence, so that what follows the thing ("on the table") is not meant. ``open``: its closing
    quote is missing."""

    text: Text
    quoted: bool = False
    prose: bool = False
    open: bool = False


# Words that models write for "nothing", and words about the answer instead of the image.
_NOT_LABELS = words_of("""
    none null nil nan n/a na unknown undefined true false yes no infinity inf -inf empty nothing
    etc etcetera ellipsis and or others other more label labels score scores object objects item
    items confidence count name names python json list answer output result results sure
    certainly absolutely okay ok note please sorry thanks assistant user system image_id bbox
    bbox_2d and so on and more and others and many more none of the above so on not applicable
    not visible not available thank you here you go
""") | {
    *("and so on", "and more", "and others", "and many more", "none of the above", "so on"),
    *("not applicable", "not visible", "not available", "thank you", "here you go", "of course"),
    *("segmentation labels", "semantic segmentation labels", "python list", "the list", "and etc"),
    *("hope this helps", "the end", "end of list", "no objects", "no labels", "no object"),
}
# Words that only a sentence has.
_SENTENCE = words_of("""
    is are was were be been being am i i'm i'd i've i'll im you you're we they he she it it's
    which who whom whose because would could should cannot can't won't don't doesn't didn't
    isn't aren't there's that's please sorry unfortunately however therefore appears seems
    contains depicts ignore disregard
""")
_PLACES = words_of("""
    in on at with near behind under underneath beneath below above over next beside besides
    between among from by against across along around inside outside into onto through towards
    toward during while when where that which who while wearing looking for
""")
_BEFORE_NOUN = words_of("""
    a an the some several many multiple various few numerous two three four five six seven eight
    nine ten dozens lots plenty possibly perhaps maybe even also one another my his her their
    its un una uno unos unas le la les des une du l el los las ein eine einen einem einer der
    die das um uma uns umas os as o i gli il lo
""")
_ARTICLES = frozenset({"a", "an", "the", "some"})

_REMARK = re.compile(r"[(\[{（【［〔<]")
_REMARK_IN_FRONT = re.compile(
    r"\s*(?:\([^()]{0,200}\)|\[[^\[\]]{0,200}\]|（[^（）]{0,200}）)\s*(?=\S)"
)
_EXPLAINED = re.compile(
    r"\s+[-–—−|~]+\s|\s*(?:->|=>|→|:=|—|--(?=\s))|\s*[:：](?=\s|$|[\d.])|\s*=\s*|\s+#|\s+//"
    r"|,?\s(?:which|that is|that are|i\.e\.|e\.g\.|such as|etc\b)|\s+x\d{1,4}\s*$|\s*[×✕]\s*\d"
    r"|\s>\s|\s+[0-9]{1,3}(?:[.,][0-9]{1,8})?\s?%|\s+[01]?[.,][0-9]{1,20}\s*$|\?\s|!\s",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\s*(?:[#№]?\d{1,4}\s*[.):、．]\s*|\d{1,4}\s*[x×]\s+|[•*·-]\s+)(?=\S)")
_COUNTED = re.compile(r"\d{1,4}\s+(?=\S{2,80}s$)")
_LEADING_AND = re.compile(
    r"(?:and|or|und|et|y|e|и|plus|as well as|finally|also)\s+(?=\S)", re.IGNORECASE
)
_MARKUP = re.compile(r"\*{1,3}|_{2,3}|`|~~")
_NOTHING = re.compile(r"no (?:objects?|labels?|items?|things?|images?|visible|relevant|other)\b")
_WORD = re.compile(r"\S+")
# What programs are written with, in a piece as it stands and in what is left of it.
_CODE = re.compile(
    r"\$[({]|\{\{|\{%|__\w|%[sdnx](?:\b|%)|\w\(\s?['\"\d]|\w\.\w+\(|<!|\.\./|^\W{0,2}/|^[=@%]"
)
_NO_WORDS = re.compile(
    r"\w[.]\w{2}|\w[(]|\\|[{}<>=;|^@$\[\]]|::|//|--|\?\w"
    r"|[“”«»「」『』„‹›]|(?<!\d)\""
)
_NUMBER = re.compile(r"[\d.,]+e[+-]?\d+|0x[\da-f]+|[\da-f]{4,}(?:-[\da-f]{4,}){2,}", re.IGNORECASE)
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_QUOTES = "\"'`´“”„‟‘’‚‛«»‹›「」『』《》〈〉＂＇〝〞″′"
_COMMA = re.compile(r"[,;，、；،]\s|[，、；،]")
_REMARKS = re.compile(r"\([^()]{0,200}\)|（[^（）]{0,200}）")
_SLASH = re.compile(r"(?<=\w\w)\s?/\s?(?=\w\w)")


def labels(piece: Piece) -> Iterator[Label]:
    """The label of a piece; two for "sofa/couch" and "cat, dog"; none when it is no label."""
    text = piece.text.strip(_AROUND)
    if len(text.chars) > _LONGEST_PIECE or _CODE.search(text.chars):
        return
    text = text.drop(_MARKUP)
    front = _REMARK_IN_FRONT.match(text.chars)
    if front:
        text = text.part(front.end())
    if _COMMA.search(text.chars):
        text = text.drop(_REMARKS)
    first, *others = text.split(_COMMA)
    for part in first.split(_SLASH):
        if label := _label(part, piece):
            yield label
    # What follows a comma can be what the thing does: "a dog, lying on the floor".
    listed = Piece(piece.text, piece.quoted, prose=True)
    for part in others:
        if label := _label(part, listed):
            yield label


def _label(text: Text, piece: Piece) -> Label | None:
    text = _from_first_letter(text)
    for pattern in (_NUMBERED, _LEADING_AND):
        found = pattern.match(text.chars)
        if found:
            text = text.part(found.end())
    for pattern in (_REMARK, _EXPLAINED):
        found = pattern.search(text.chars)
        if found and any(char.isalnum() for char in text.chars[: found.start()]):
            text = text.part(0, found.start())
    text = _to_last_letter(_from_first_letter(text))
    counted = _COUNTED.match(text.chars)
    if counted:
        text = text.part(counted.end())
    words = list(_WORD.finditer(text.chars))
    if len(words) > 2 and len({word[0].strip(",.").lower() for word in words}) == 1:
        words = words[:1]
    text, words = _without_articles(text, words, piece.prose)
    if piece.prose:
        text, words = _without_place(text, words)
    if not words:
        return None
    text = text.part(words[0].start(), words[-1].end())
    text = _to_last_letter(_from_first_letter(text))
    clean = " ".join(plain(text.chars).split())
    if not _is_label(clean, piece.quoted):
        return None
    return Label(clean, text.starts[0], text.ends[-1])


def _from_first_letter(text: Text) -> Text:
    start = next((at for at, char in enumerate(text.chars) if char.isalnum()), len(text.chars))
    return text.part(start)


def _to_last_letter(text: Text) -> Text:
    end = len(text.chars)
    while end > 0 and not (text.chars[end - 1].isalnum() or _belongs(text.chars[end - 1])):
        end -= 1
    return text.part(0, end)


def _belongs(char: str) -> bool:
    """A vowel sign or accent, part of the letter before it."""
    return unicodedata.category(char) in ("Mn", "Mc")


def _without_articles(
    text: Text, words: list[re.Match[str]], prose: bool
) -> tuple[Text, list[re.Match[str]]]:
    leading = _BEFORE_NOUN if prose else _ARTICLES
    while len(words) > 1 and words[0][0].lower() in leading:
        words = words[1:]
        if prose and len(words) > 1 and words[0][0].lower() == "of":
            words = words[1:]
    return text, words


def _without_place(text: Text, words: list[re.Match[str]]) -> tuple[Text, list[re.Match[str]]]:
    """Without where the thing is and what it does: "bench sitting next to a tree"."""
    for at, word in enumerate(words):
        lower = word[0].lower()
        follows = words[at + 1][0].lower() if at + 1 < len(words) else ""
        doing = is_doing(lower) and follows in _PLACES | _ARTICLES
        if at and (lower in _PLACES or doing):
            return text, words[:at]
        if at == 0 and (doing or lower in _PLACES):
            return text, []
    return text, words


def is_doing(word: str) -> bool:
    """Whether a word in lower case looks like "riding" or "parked" and is no building."""
    return len(word) > 4 and word.endswith(("ing", "ed")) and word not in NOUNS_LIKE_VERBS


def _is_label(chars: str, quoted: bool) -> bool:
    words = chars.lower().replace("’", "'").split()
    if not words or len(chars) > MAX_LETTERS:
        return False
    if not any(char.isalpha() for char in chars) or _NUMBER.fullmatch(chars):
        return False
    if len(words) > (MAX_WORDS if quoted else MAX_BARE_WORDS):
        return False
    if _NOTHING.match(" ".join(words)):
        return False
    if " ".join(words) in _NOT_LABELS or not _SENTENCE.isdisjoint(words):
        return False
    if len(chars) == 1 and chars.isascii():
        return False
    if _NO_WORDS.search(chars) or any(_is_code(word) for word in chars.split()):
        return False
    return len(_IDEOGRAPH.findall(chars)) <= 16


def _is_code(word: str) -> bool:
    """A word that nobody says: base64, a hash, one that goes on for ever."""
    if len(word) > 40:
        return True
    if len(word) < 16 or not word.isascii():
        return False
    kinds = (any(map(test, word)) for test in (str.islower, str.isupper, str.isdigit))
    return sum(kinds) == 3 or (any(map(str.isdigit, word)) and "-" not in word and "_" not in word)
