"""The truth that a vocabulary or tags are compared with, and which of its classes a label names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.core.vocabulary import normalise, parse_class_list
from annotator.core.wordnet import wordnet

#: A concept: its WordNet id, or a normalised word.
Key = str


class Truth:
    """True classes, each as the keys that name it; ``of_file``: file name -> its classes.

    A class that is given by its WordNet id is named by a label with that id, or by a label that is
    only a word and one of its lemmas. A class that is given by words is also named by a label with
    a WordNet id that has one of them as a lemma.
    """

    def __init__(
        self,
        classes: Sequence[frozenset[Key]],
        of_file: Mapping[str, frozenset[int]] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.of_file: Mapping[str, frozenset[int]] = of_file or {}
        self._by_word: dict[Key, set[int]] = {}
        self._by_id: dict[Key, set[int]] = {}
        self._known: dict[Key, frozenset[int]] = {}
        net = wordnet()
        for index, names in enumerate(self.classes):
            for name in names:
                self._by_word.setdefault(name, set()).add(index)
            for name in [name for name in names if name in net] or names:
                self._by_id.setdefault(name, set()).add(index)

    def named_by(self, key: Key) -> frozenset[int]:
        """The classes that a label names: several for a word with several meanings, none for one
        that the truth does not know."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = frozenset(self._find(key))
        return found

    def as_named(
        self, labels: Iterable[Key], of: Collection[int] | None = None
    ) -> list[frozenset[Key]]:
        """The classes (those ``of`` these numbers), each as the labels that name it."""
        names: dict[int, set[Key]] = {
            index: set() for index in (range(len(self.classes)) if of is None else sorted(of))
        }
        for label in labels:
            for index in self.named_by(label):
                if index in names:
                    names[index].add(label)
        return [frozenset(found) for found in names.values()]

    def shown_on(self, path: str) -> frozenset[int]:
        """The classes of the file of that path in the folder, or else of that name."""
        return self.of_file.get(path) or self.of_file.get(path.rsplit("/", 1)[-1]) or frozenset()

    def _find(self, key: Key) -> Collection[int]:
        net = wordnet()
        if key not in net:
            return self._by_word.get(key, ())
        names = [key, *(normalise(lemma) for lemma in net.lemmas(key))]
        return next((self._by_id[name] for name in names if name in self._by_id), ())


def read_truth(path: Path, files: Path | None = None) -> Truth:
    """The truth of a CSV with columns "wnid" or "name", and "file" (one row for each class of a
    file), or of a class list ``id:name,synonym,...``. A name "bat (animal)" stands for "bat" too.

    ``files``: a CSV that says which classes the files show, for a truth that does not; what it
    names and the truth does not have is left out. Raises AnnotatorError.
    """
    truth, _ = _read(path)
    if files is None:
        return truth
    shown, keys = _read(files)
    if not shown.of_file:
        raise AnnotatorError(f"{files} says nothing of files: it needs a column named file.")
    classes = [truth.named_by(key) for key in keys]
    of_file = {
        file: frozenset().union(*(classes[index] for index in found))
        for file, found in shown.of_file.items()
    }
    if not any(of_file.values()):
        raise AnnotatorError(f"{files} names none of the classes of {path}.")
    return Truth(truth.classes, of_file)


def _read(path: Path) -> tuple[Truth, list[Key]]:
    """The truth, and the first key of each class."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".csv":
            return _from_csv(path, csv.DictReader(io.StringIO(text, newline="")))
        names = parse_class_list(text)
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise AnnotatorError(f"{path} is not a list of classes: it is no UTF-8 text.") from error
    except (ValueError, csv.Error) as error:
        raise AnnotatorError(f"{path} is not a list of classes: {error}.") from error
    if not names:
        raise AnnotatorError(f"{path} names no classes.")
    keys = [[key for name in of_class for key in _words(name)] for of_class in names]
    return Truth(tuple(map(frozenset, keys))), ["".join(of_class[:1]) for of_class in keys]


def _words(name: str) -> list[Key]:
    """A name as it is written, and without what says which meaning it has: "bat (animal)"."""
    plain = re.sub(r"\s*\([^()]*\)\s*$", "", name)
    return list(dict.fromkeys(key for key in (normalise(name), normalise(plain)) if key))


def _from_csv(path: Path, rows: csv.DictReader[str]) -> tuple[Truth, list[Key]]:
    columns = rows.fieldnames
    if columns and not {"wnid", "name"} & set(columns):
        raise AnnotatorError(
            f"{path} needs a first line with the columns wnid or name, and file where it says "
            "which files show what, between commas."
        )
    names: dict[Key, set[Key]] = {}
    of_file: dict[str, set[int]] = {}
    index_of: dict[Key, int] = {}
    net = wordnet()
    for row in rows:
        written = _words(row.get("name") or "")
        key = (row.get("wnid") or "").strip() or "".join(written[:1])
        if not key:
            raise AnnotatorError(
                f"{path} needs a wnid or a name in every row: line {rows.line_num} has none."
            )
        index = index_of.setdefault(key, len(index_of))
        words = names.setdefault(key, {key})
        if key in net:
            words.update(normalise(lemma) for lemma in net.lemmas(key))
        words.update(written)
        if row.get("file"):
            of_file.setdefault(str(row["file"]), set()).add(index)
    if not names:
        raise AnnotatorError(f"{path} names no classes.")
    return (
        Truth(
            tuple(map(frozenset, names.values())),
            {file: frozenset(classes) for file, classes in of_file.items()},
        ),
        list(index_of),
    )
