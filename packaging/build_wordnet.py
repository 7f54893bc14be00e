"""Write resources/wordnet/ from the dict files of WordNet 3.0.

    python packaging/build_wordnet.py [DICT_FOLDER] [OUT_FOLDER]

DICT_FOLDER holds data.noun, index.noun, noun.exc and cntlist.rev (Debian: package wordnet-base,
/usr/share/wordnet). The result depends on these files alone, byte for byte.

nouns.tsv.gz, UTF-8, one record a line, fields separated by tabs, lists by spaces:
  s  offset  lexicographer file  lemmas in the order of the synset  hypernyms ("i" before an
     instance's)  uses of this sense in the tagged texts
  w  lemma in lower case  uses in the tagged texts  offsets, most frequent sense first
     (only where there are two senses or more, or uses)
  x  irregular plural  singular
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from pathlib import Path

LICENCE_HEADER = (
    "The files in this folder are taken from WordNet 3.0 (https://wordnet.princeton.edu), by\n"
    "packaging/build_wordnet.py: nouns, their order of senses and their hypernyms. The licence\n"
    "of WordNet 3.0 applies to them:\n\n"
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


def main(folder: Path, out: Path) -> None:
    def read(name: str) -> list[str]:
        return (folder / name).read_text(encoding="utf-8").splitlines()

    data = read("data.noun")
    used = sense_uses(read("cntlist.rev"))
    lemma_uses: Counter[str] = Counter()
    for (lemma, _, _), number in used.items():
        lemma_uses[lemma] += number
    lines = [
        *synset_lines(data, used),
        *sense_lines(read("index.noun"), lemma_uses),
        *exception_lines(read("noun.exc")),
    ]
    out.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(("\n".join(lines) + "\n").encode("utf-8"), compresslevel=9, mtime=0)
    (out / "nouns.tsv.gz").write_bytes(packed)
    (out / "LICENSE").write_text(LICENCE_HEADER + licence(data), encoding="utf-8")
    print(f"{out / 'nouns.tsv.gz'}: {len(lines)} records, {len(packed)} bytes")


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/usr/share/wordnet"),
        Path(sys.argv[2]) if len(sys.argv) > 2 else here / "resources" / "wordnet",
    )
