"""Labels of a reply without brackets: bullets, numbers, tables, lines, commas, sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from annotator.core.replies_labels import MAX_BARE_WORDS, Piece, is_doing, labels
from annotator.core.replies_lists import QUOTES, lists
from annotator.core.replies_text import Text, words_of

_LINE_END = re.compile(r"\n")
_MARKER = re.compile(
    r"[^\S\n]*(?:[-*+–—](?=\s)|-(?=[^\W\d_])|[•●○◦▪▫■□‣⁃∙·►▶▸➤➢→✓✔✅☑★☆]"
    r"|\(?\d{1,4}(?:[.):\]](?!\d)|[、．。)\u20e3]|\s{1,3}[-–](?=\s))"
    r"|\(?[a-zA-Z](?:\)|\.(?=\s))|#\d{1,4}[:.]?|[一二三四五六七八九十]{1,3}、|[①-⑳])\s*(?=\S)"
)
_CHECKBOX = re.compile(r"\[[ xX✓✔]?\]\s*")
_HEADING = re.compile(r"\s*#{1,6}\s")
_RULE = re.compile(r"\s*(?:[-=_*~#]{3,}|[|\s:+-]{3,})\s*$")
_BLOCK_QUOTE = re.compile(r"(?:\s{0,8}>)+\s?")
_IN_LINE_NUMBERS = re.compile(r"(?:^|(?<=[\s,;.]))\(?\d{1,3}[.)]\s")
_IN_LINE_BULLETS = re.compile(r"\s*[•●▪‣∙►]\s*")
_COMMA = re.compile(r"[,;，、；،؛·•|]|\s&\s|\s#(?=\w)|\.{3,}|…")
_AND = re.compile(
    r"\s(?:and|or|as well as|along with|und|et|и|[yeou])\s(?=\S)"
    r"|(?<=[\u3040-\u30ff\u3400-\u9fff])(?:和|以及|与|及|と)(?=[\u3040-\u30ff\u3400-\u9fff])",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s[-–—]\s")
_CALL = re.compile(r"\w\(['\"]|\w\.\w+\(")
_INCLUDES = re.compile(r"\b(?:such as|includ(?:es?|ing))\b:?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[^\s.][.!?])\s+|(?<=[。！？।])\s*")
_COLON = re.compile(r"\s?[:：](?!//)(?=\D)|\s=\s")
_SCORE = re.compile(
    r"[\s\W]*\d[\d.,\s%/]*\W*$|[\s\W]*(?:true|false|yes|no|null|none|high|low|medium)\W*$", re.I
)
# Heads in front of a colon that speak of the answer, so that what follows is the list.
_INTRODUCES = re.compile(
    r"\b(?:labels?|objects?|lists?|image|picture|photo|here|sure|answers?|outputs?|tags?|items?"
    r"|class(?:es)?|categor(?:y|ies)|things?|following|contains?|includ(?:es?|ing)|assistant|response"
    r"|results?|see|visible|detected|found|elements?|segments?|names?|entity|entities|segmentation"
    r"|etiquetas|objetos|étiquettes|objets|objekte|метки|объекты)\b|标签|物体|对象|以下|包含|ラベル|物体|레이블",
    re.IGNORECASE,
)
_GROUPS = words_of("""
    people person animal animals furniture vehicle vehicles background foreground nature food
    foods clothing clothes plants plant structures structure buildings building surfaces
    materials others other miscellaneous indoor outdoor indoors outdoors electronics landscape
    vegetation accessories household infrastructure sky ground environment scene setting living
    non-living natural man-made things stuff main secondary
""")
_LABEL_KEY = re.compile(
    r"(?:\w+\s)?(?:label|object|item|name|class|tag|element|segment)s?\s?#?\d{0,4}"
)
_HEADERS = words_of("""
    label labels object objects name names class classes item items category categories tag tags
    element elements segment entity thing concept noun type
""")
# What leads to a list in a sentence.
_LEADS = re.compile(
    r"\b(?:contain(?:s|ing)?|show(?:s|ing)|includ(?:es?|ing)|depict(?:s|ing)|featur(?:es|ing)"
    r"|displays|captures|presents|there (?:is|are|appears to be|seems to be)|there's"
    r"|(?:i|we|you)(?:\s(?:can|could))?(?:\salso)?"
    r"\s(?:see|identify|detect|observe|recogni[sz]e|spot|find|notice)"
    r"|such as|consists? of|composed of|(?:labels|objects|tags|items|things|elements|concepts)"
    r"(?:\s[\w']+){0,6}?\s(?:are|is|include)|it(?:'s| is)|this is|has|with"
    r"|contiene|muestra|hay|se ven?|contient|montre|il y a|on voit|enthält|zeigt|es gibt|sind"
    r"|contém|mostra|há|c'è|ci sono|содержит|изображены?|видны|есть)\b"
    r"|图片?中有|图中有|图像中有|包含|包括|显示了?|画像には|写真には|画像に|이미지에는",
    re.IGNORECASE,
)
_TAILS = re.compile(
    r"\s(?:can be|are|is)\s(?:seen|visible|shown|present|also)\b.*$"
    r"|(?:があります|が?います|が見えます|が写っています|です|等"
    r"|などがあります|이 있습니다)\s*[。.]?$",
    re.IGNORECASE,
)
_MEASURE = re.compile(
    r"(?:一|两|二|三|几|许多|一些)[只张个条辆座棵位名匹把台架艘块片朵本些]?(?=[\u3400-\u9fff])"
)
_ARTICLES = frozenset({"a", "an", "the", "some"})
_COLOURS = words_of("""
    black white red green blue yellow brown orange grey gray pink purple silver gold
""")
_QUOTED = re.compile(
    r'"([^"\n]{1,80})"|“([^”\n]{1,80})”|«([^»\n]{1,80})»|「([^」\n]{1,40})」|『([^』\n]{1,40})』'
    r"|(?<!\w)['‘]([^'‘’\n]{1,80})['’](?!\w)|`([^`\n]{1,80})`|„([^“”\n]{1,80})[“”]|‹([^›\n]{1,80})›"
)
_CODE = re.compile(
    r"\s*(?:import|from|def|class|return|print|eval|exec|for|while|if|elif|else|try|except|with|"
    r"function|const|let|var|select|insert|update|delete|drop|sudo|rm|curl|wget|#include|<\?|\$|>>>)"
    r"\b.*[(){};=/.*_\\-]|\s*(?:import|from)\s+\w+\s*$|.*[;{]\s*$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Line:
    """A line without its marker. ``indent``: spaces in front of it."""

    text: Text
    indent: int
    bullet: bool


def pieces(text: Text) -> Iterator[Piece]:
    """Where labels are likely, in order."""
    rows = _table(text)
    if rows:
        yield from rows
        return
    lines = [line for line in _lines(text) if line.text.chars]
    bullets = [line for line in lines if line.bullet]
    if bullets:
        for at, line in enumerate(bullets):
            deeper = at + 1 < len(bullets) and bullets[at + 1].indent > line.indent + 1
            yield from _item(line.text, header=deeper)
        return
    for line in lines:
        if len(lines) == 1 or not _CODE.match(line.text.chars):
            yield from _line(line.text)


def _lines(text: Text) -> Iterator[_Line]:
    seen: set[str] = set()
    for line in text.split(_LINE_END):
        if line.chars in seen:
            continue  # Endless repeats cost nothing.
        seen.add(line.chars)
        quote = _BLOCK_QUOTE.match(line.chars)
        if quote:
            line = line.part(quote.end())
        if _HEADING.match(line.chars) or _RULE.match(line.chars):
            continue
        numbers = _numbered(line)
        if numbers:
            for item in numbers:
                yield _Line(item.strip(), 0, True)
            continue
        indent = len(line.chars) - len(line.chars.lstrip())
        marker = _MARKER.match(line.chars)
        if marker:
            line = line.part(marker.end())
            box = _CHECKBOX.match(line.chars)
            if box:
                line = line.part(box.end())
        yield _Line(line.strip(), indent, marker is not None)


def _numbered(line: Text) -> list[Text]:
    """Items of "1. cat 2. dog 3. tree" or "• cat • dog", without what stands before them."""
    bullets = list(_IN_LINE_BULLETS.finditer(line.chars))
    if len(bullets) > 1 and not line.chars[: bullets[0].start()].strip():
        return line.split(_IN_LINE_BULLETS)[1:]
    marks = list(_IN_LINE_NUMBERS.finditer(line.chars))
    first = [int(re.sub(r"\D", "", mark[0])) for mark in marks[:3]]
    if len(first) > 1 and first in ([1, 2], [1, 2, 3]):
        return line.split(_IN_LINE_NUMBERS)[1:]
    return []


# --- tables ------------------------------------------------------------------------------------


def _table(text: Text) -> list[Piece]:
    """The column of labels of a table in Markdown; empty where there is none."""
    rows: list[list[Text]] = []
    ruled = -1
    for line in text.split(_LINE_END):
        chars = line.chars.strip()
        if chars.count("|") < 2 and not (rows and "|" in chars):
            continue
        if _RULE.match(chars):
            ruled = len(rows)
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split(re.compile(r"\|"))]
        rows.append(cells)
    if ruled < 0 and len(rows) < 2:
        return []
    head = rows[0] if rows else []
    names = [cell.chars.strip("*_ ").lower() for cell in head]
    column = next((at for at, name in enumerate(names) if name in _HEADERS), None)
    headed = ruled == 1 or column is not None
    body = rows[1:] if headed else rows
    if column is None:
        width = max((len(row) for row in body), default=0)
        lettered = (
            sum(any(map(str.isalpha, row[at].chars)) for row in body if at < len(row)) * 2
            > len(body)
            for at in range(min(width, 50))
        )
        column = next((at for at, is_so in enumerate(lettered) if is_so), 0)
    return [Piece(row[column]) for row in body if column < len(row)]


# --- items of bullets --------------------------------------------------------------------------


def _item(text: Text, *, header: bool) -> Iterator[Piece]:
    """What a bullet names: a thing, things with commas, or things after the name of a group."""
    if text.chars[:1] and text.chars[0] in QUOTES:
        found = lists(text, inside=True).pieces
        yield from found[:1] if _COLON.search(text.chars) else found
        return
    head, rest = _colon(text)
    if rest is None:
        if not (header and _is_group(head.chars)):
            yield from _short(head)
        return
    if not rest.chars.strip("*_ ") or (header and _is_group(head.chars)):
        return
    name = head.chars.strip("*_ ").lower()
    listed = _COMMA.search(rest.chars) and not _SCORE.match(rest.chars)
    if _LABEL_KEY.fullmatch(name) or (_is_group(name) and listed):
        yield from _short(rest)
    elif name not in ("color", "colour", "position", "location", "description", "score", "size"):
        yield from _short(head)


def _is_group(name: str) -> bool:
    words = name.strip("*_: ").lower().split()
    return bool(words) and (words[-1] in _GROUPS or words[0] in _GROUPS or words[-1].endswith("s"))


def _colon(text: Text) -> tuple[Text, Text | None]:
    found = _COLON.search(text.chars)
    if found is None or not text.chars[: found.start()].strip():
        return (text, None)
    if text.chars.rstrip("*_ ").endswith((":", "：")) and found.end() >= len(
        text.chars.rstrip("*_ ")
    ):
        return text.part(0, found.start()), text.part(found.end())
    return text.part(0, found.start()), text.part(found.end())


def _short(text: Text) -> Iterator[Piece]:
    """One thing, or several short ones with commas; of a description its first part."""
    dash = _DASH.search(text.chars)
    if dash:
        text = text.part(0, dash.start())
    parts = _split(text)
    if len(parts) > 1 and not all(len(part.chars.split()) <= 4 for part in parts):
        parts = parts[:1]
    for part in parts:
        yield Piece(part)


# --- lines, commas, sentences ------------------------------------------------------------------


def _line(text: Text) -> Iterator[Piece]:
    if _CALL.search(text.chars):
        return
    head, rest = _colon(text)
    if rest is not None:
        if not rest.chars.strip("*_ "):
            return
        if _INTRODUCES.search(head.chars) or (_is_group(head.chars) and _COMMA.search(rest.chars)):
            text = rest.strip().strip("*").strip()
        elif not _COMMA.search(head.chars) and not _COMMA.search(rest.chars):
            if len(head.chars.split()) <= MAX_BARE_WORDS:
                yield Piece(head)
            return
    quoted = _quoted(text)
    if quoted is not None:
        yield from quoted
        return
    sentences = text.split(_SENTENCE_END)
    for sentence in sentences:
        yield from _sentence(sentence.strip(), alone=len(sentences) == 1)


def _quoted(text: Text) -> list[Piece] | None:
    """The strings of a line that is a list of them; None where it is none."""
    inner = text.strip().strip("()").strip()
    if inner.chars[:1] and inner.chars[0] in QUOTES:
        found = lists(inner, inside=True)
        if found.quoted or any(piece.open for piece in found.pieces):
            return found.pieces
    strings = list(_QUOTED.finditer(text.chars))
    if len(strings) < 2:
        return None
    return [
        Piece(text.part(*next(span for span in one.regs[1:] if span != (-1, -1))), quoted=True)
        for one in strings
    ]


def _sentence(text: Text, *, alone: bool) -> Iterator[Piece]:
    """The things that a sentence lists; nothing where it lists none."""
    lead = _LEADS.search(text.chars)
    if lead:
        text = text.part(lead.end())
        again = _INCLUDES.search(_COMMA.split(text.chars, 1)[0])
        if again:
            text = text.part(again.end())
    text = text.drop(_TAILS).strip()
    words = text.chars.split()
    if len(words) > 2 and len(set(words)) == 1:
        yield Piece(text.part(0, len(words[0])))
        return
    parts = _split(text)
    if lead:
        parts = [part.drop(_MEASURE) for part in parts]
    prose = lead is not None or len(parts) > 1 or text.chars.endswith(".")
    found = [Piece(part, prose=prose) for part in parts]
    good = [piece for piece in found if len(piece.text.chars.split()) <= 9 and any(labels(piece))]
    if len(found) > 1:
        if len(good) * 5 >= len(found) * 3:
            yield from good
        return
    longest = MAX_BARE_WORDS + 1 if lead else (MAX_BARE_WORDS if alone else 2)
    asks = text.chars.endswith(("!", "?"))
    if not asks and len(words) <= longest and not _acts(words):
        yield from good


def _acts(words: list[str]) -> bool:
    """Somebody does something: "a man riding a horse" names no single thing."""
    return any(
        is_doing(word.lower()) and after.lower() in ("a", "an", "the", "on", "in", "at", "with")
        for word, after in pairwise(words[1:])
    )


def _split(text: Text) -> list[Text]:
    """Parts between commas that stand in no round brackets, and around the last "and"."""
    parts = [part for part in _outside_brackets(text) if any(map(str.isalpha, part.chars))]
    if not parts:
        return []
    *front, last = parts
    return [*front, *_around_and(last)]


def _outside_brackets(text: Text) -> Iterator[Text]:
    at = 0
    close = 0
    for mark in re.finditer(r"[(（]|" + _COMMA.pattern, text.chars):
        if mark.start() < close:
            continue
        if mark[0] in "(（":
            end = text.chars.find(")" if mark[0] == "(" else "）", mark.end(), mark.end() + 200)
            close = end if end >= 0 else close
            continue
        yield text.part(at, mark.start())
        at = mark.end()
    yield text.part(at)


def _around_and(text: Text) -> Iterator[Text]:
    """Two things around an "and", not the two halves of one ("black and white cat")."""
    found = _AND.search(text.chars)
    if found is None:
        yield text
        return
    left, right = text.part(0, found.start()).strip(), text.part(found.end()).strip()
    before, after = left.chars.lower().split(), right.chars.lower().split()
    if not before:
        yield right
    elif (
        before[-1] in _COLOURS or len(after) > 9 or (len(before) > 4 and after[0] not in _ARTICLES)
    ):
        yield text
    else:
        yield left
        yield right
