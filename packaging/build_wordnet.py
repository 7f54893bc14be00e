"""Write resources/wordnet/ from the dict files of WordNet 3.0.

    python packaging/build_wordnet.py [DICT_FOLDER] [OUT_FOLDER]

DICT_FOLDER holds data, index and exc files of nouns, adjectives and verbs, and cntlist.rev
(Debian: package wordnet-base, /usr/share/wordnet). The result depends on these files alone, byte
for byte.

nouns.tsv.gz, UTF-8, one record a line, fields separated by tabs, lists by spaces:
  s  offset  lexicographer file  lemmas in the order of the synset  hypernyms ("i" before an
     instance's)  uses of this sense in the tagged texts
  w  lemma in lower case  uses in the tagged texts  offsets, most frequent sense first
     (only where there are two senses or more, or uses)
  x  irregular plural  singular

words.tsv.gz, alike; words of one part only:
  a  adjective in lower case  uses in the tagged texts
  v  verb
  x  irregular form of a verb or an adjective  base form
  p  spelling  the other spelling of the same word (British or American) that counts

glosses.tsv.gz: offset of a noun synset and its definition, without the examples.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LICENCE_HEADER = (
    "The files in this folder are taken from WordNet 3.0 (https://wordnet.princeton.edu), by\n"
    "packaging/build_wordnet.py: nouns, their order of senses, their hypernyms and definitions;\n"
    "adjectives, verbs, irregular forms, and words that have two spellings. The licence of\n"
    "WordNet 3.0 applies to them:\n\n"
)

# British endings and parts of words, and what Americans write. Only words that WordNet has in
# one synset in both spellings become pairs, so that a rule cannot join "tour" and "tor".
SPELLINGS = (
    ("our", "or"),
    ("re", "er"),
    ("is", "iz"),
    ("ys", "yz"),
    ("ll", "l"),
    ("ogue", "og"),
    ("ae", "e"),
    ("oe", "e"),
    ("ence", "ense"),
    ("grey", "gray"),
    ("tyre", "tire"),
    ("kerb", "curb"),
    ("minium", "minum"),
    ("ellery", "elry"),
    ("plough", "plow"),
    ("mould", "mold"),
    ("moustach", "mustach"),
    ("pyjama", "pajama"),
    ("doughnut", "donut"),
    ("yoghurt", "yogurt"),
    ("whisky", "whiskey"),
    ("programme", "program"),
    ("sulph", "sulf"),
    ("cosy", "cozy"),
    ("axe", "ax"),
)


def licence(data: list[str]) -> str:
    """The notice at the head of a dict file: lines of two blanks, a number and the text."""
    lines = [line.split(maxsplit=1) for line in data if line.startswith("  ")]
    return "\n".join(parts[1].rstrip() if len(parts) > 1 else "" for parts in lines).strip() + "\n"


def synset_lines(data: list[str], used: Counter[tuple[str, str, int]]) -> list[str]:
    """data.noun -> "s" records. Format: wndb(5WN)."""
    lines = []
    for line in data:
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        offset, file, count = fields[0], fields[1], int(fields[3], 16)
        lemmas = fields[4 : 4 + 2 * count : 2]
        keys = zip(lemmas, fields[5 : 5 + 2 * count : 2], strict=True)
        uses = sum(used[lemma.lower(), file, int(lex_id, 16)] for lemma, lex_id in keys)
        rest = fields[5 + 2 * count :]
        above = [
            ("i" if rest[i] == "@i" else "") + rest[i + 1]
            for i in range(0, len(rest) - 3, 4)
            if rest[i] in {"@", "@i"}
        ]
        lines.append("\t".join(("s", offset, file, " ".join(lemmas), " ".join(above), str(uses))))
    return lines


def sense_uses(counts: list[str]) -> Counter[tuple[str, str, int]]:
    """cntlist.rev -> uses by (lemma, lexicographer file, lex id), the parts of a sense key.
    Format: cntlist(5WN), senseidx(5WN); a noun's sense key has type 1."""
    found: Counter[tuple[str, str, int]] = Counter()
    for line in counts:
        key, _, number = line.split()
        lemma, _, sense = key.partition("%")
        kind, file, lex_id, *_ = sense.split(":")
        if kind == "1":
            found[lemma, file, int(lex_id)] += int(number)
    return found


def sense_lines(index: list[str], used: Counter[str]) -> list[str]:
    """index.noun -> "w" records. Format: wndb(5WN)."""
    lines = []
    for line in index:
        if line.startswith("  "):
            continue
        fields = line.split()
        lemma, senses = fields[0], int(fields[2])
        if senses > 1 or used[lemma]:
            offsets = " ".join(fields[-senses:])
            lines.append("\t".join(("w", lemma, str(used[lemma]), offsets)))
    return lines


def exception_lines(exceptions: list[str]) -> list[str]:
    """noun.exc -> "x" records; of several singulars the first."""
    return ["\t".join(("x", *line.split()[:2])) for line in exceptions if line.strip()]


def words_of(index: list[str]) -> list[str]:
    """Lemmas of one part that begin with a letter, from an index file, in its order."""
    lemmas = (line.split(" ", 1)[0] for line in index if not line.startswith("  "))
    return [lemma for lemma in lemmas if "_" not in lemma and lemma[:1].isalpha()]


def adjective_uses(counts: list[str]) -> Counter[str]:
    """cntlist.rev -> uses by lemma; an adjective's sense key has type 3 or 5."""
    found: Counter[str] = Counter()
    for line in counts:
        key, _, number = line.split()
        lemma, _, sense = key.partition("%")
        if sense[0] in "35":
            found[lemma] += int(number)
    return found


def synset_lemmas(data: list[str]) -> Iterator[list[str]]:
    """Lemmas of each synset of a data file, in lower case, without syntactic markers."""
    for line in data:
        if not line.startswith("  "):
            fields = line.split(" | ")[0].split()
            count = int(fields[3], 16)
            yield [lemma.split("(")[0].lower() for lemma in fields[4 : 4 + 2 * count : 2]]


def senses_of(indexes: list[list[str]]) -> Counter[str]:
    """Index files -> senses of each lemma, all parts together."""
    found: Counter[str] = Counter()
    for index in indexes:
        for line in index:
            if not line.startswith("  "):
                fields = line.split()
                found[fields[0]] += int(fields[2])
    return found


def pair_lines(parts: list[list[str]], senses: Counter[str]) -> list[str]:
    """Words that one synset has in British and in American spelling -> "p" records. The one with
    more senses counts, since it means all that the other does; else the one named first."""
    counts: dict[str, str] = {}
    met: set[frozenset[str]] = set()
    for data in parts:
        for lemmas in synset_lemmas(data):
            places = {lemma: i for i, lemma in reversed(list(enumerate(lemmas)))}
            for word in lemmas:
                for other in sorted(_american(word) & places.keys() - {word}):
                    pair = sorted((word, other), key=lambda lemma: (-senses[lemma], places[lemma]))
                    if frozenset(pair) not in met:
                        met.add(frozenset(pair))
                        counts.setdefault(pair[1], pair[0])
    # A chain ends where nothing follows; of a circle any one will do.
    for word in sorted(counts):
        seen = {word}
        while counts[word] in counts and counts[word] not in seen:
            seen.add(counts[word])
            counts[word] = counts[counts[word]]
    return ["\t".join(("p", a, b)) for a, b in sorted(counts.items()) if a != b]


def _american(word: str) -> set[str]:
    """The word with each British part on its own replaced."""
    if not word.isalpha():
        return set()
    return {
        word[: at.start()] + american + word[at.end() :]
        for british, american in SPELLINGS
        for at in re.finditer(british, word)
    }


def gloss_lines(data: list[str]) -> list[str]:
    """data.noun -> offset and definition. Examples, in quotes, come last in a gloss."""
    lines = []
    for line in data:
        if not line.startswith("  "):
            gloss = re.split(r';\s*"', line.split(" | ", 1)[1], maxsplit=1)[0].strip()
            lines.append(f"{line.split(' ', 1)[0]}\t{gloss}")
    return lines


def write(path: Path, lines: list[str]) -> None:
    """The records, packed so that the same ones give the same bytes."""
    packed = gzip.compress(("\n".join(lines) + "\n").encode("utf-8"), compresslevel=9, mtime=0)
    path.write_bytes(packed)
    print(f"{path}: {len(lines)} records, {len(packed)} bytes")


def main(folder: Path, out: Path) -> None:
    def read(name: str) -> list[str]:
        return (folder / name).read_text(encoding="utf-8").splitlines()

    data, counts = read("data.noun"), read("cntlist.rev")
    adjectives, verbs = read("index.adj"), read("index.verb")
    used = sense_uses(counts)
    lemma_uses: Counter[str] = Counter()
    for (lemma, _, _), number in used.items():
        lemma_uses[lemma] += number
    as_adjective = adjective_uses(counts)
    out.mkdir(parents=True, exist_ok=True)
    write(
        out / "nouns.tsv.gz",
        [
            *synset_lines(data, used),
            *sense_lines(read("index.noun"), lemma_uses),
            *exception_lines(read("noun.exc")),
        ],
    )
    write(
        out / "words.tsv.gz",
        [
            *(f"a\t{word}\t{as_adjective[word]}" for word in words_of(adjectives)),
            *(f"v\t{word}" for word in words_of(verbs)),
            *exception_lines(read("verb.exc")),
            *exception_lines(read("adj.exc")),
            *pair_lines(
                [data, read("data.adj"), read("data.verb")],
                senses_of([read("index.noun"), adjectives, verbs]),
            ),
        ],
    )
    write(out / "glosses.tsv.gz", gloss_lines(data))
    (out / "LICENSE").write_text(LICENCE_HEADER + licence(data), encoding="utf-8")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/usr/share/wordnet"),
        Path(sys.argv[2]) if len(sys.argv) > 2 else here / "resources" / "wordnet",
    )
