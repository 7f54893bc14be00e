"""Gives every label its synset, by image where a word is ambiguous, and stores what changed."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from annotator.backends.protocols import Floats, TextEmbedder
from annotator.core import senses
from annotator.core.records import Progress
from annotator.core.wordnet import WordNet, wordnet
from annotator.pipeline import image_senses, meanings, vectors
from annotator.pipeline.image_senses import Choice
from annotator.pipeline.meanings import Known, Meaning, Meanings, Target
from annotator.pipeline.rerank import Picker, Picks, by_model
from annotator.project import queries_meanings, queries_pipeline, store
from annotator.project.project import Project
from annotator.project.queries_meanings import LabelState, SynsetKey
from annotator.project.sqlite import Connection
from annotator.project.words import word_key

#: Begins the name of who chose, where it was a language model.
_PICKED = "language model "
#: Nouns that an unknown word is compared with more closely.
_NEAREST = 5


@dataclass(slots=True)
class Settled:
    """What every label means. ``choices``: word with several senses -> its choice; ``others``:
    (label, image) -> WordNet id where it is another one than mostly; ``chosen_by``: the model that
    chose, None for WordNet's order."""

    labels: list[LabelState]
    meanings: Meanings
    choices: dict[str, Choice] = field(default_factory=dict)
    others: dict[tuple[int, int], str] = field(default_factory=dict)
    chosen_by: str | None = None


def settle(
    project: Project,
    embedder: TextEmbedder | None = None,
    picker: Picker | None = None,
    picks: Picks | None = None,
) -> Generator[Progress, None, set[int]]:
    """Returns the images whose labels mean something else than before; yields how far it is.

    A function of all labels and proposals that are stored, of what a person named, and of
    ``embedder``: with it the other labels of an image choose between the senses of a word, and a
    word that WordNet does not have can be its nearest noun. Without it WordNet's order decides;
    what an embedder has chosen before stays. ``picker``, a language model, has the last word
    (``rerank.by_model``, which fills ``picks``); what it has picked stays until one is asked
    again. Only labels that name no WordNet synset are touched.
    """
    with project.read() as db:
        if not queries_meanings.has_free_text(db):
            return set()
        labels = queries_meanings.label_states(db)
        known = known_of(db)
        found = _resolve(db, labels, known)
    if embedder is None:
        settled = Settled(labels, found, by_order(labels, found))
    else:
        same = yield from _same(project, embedder, found.unknown)
        with project.read() as db:
            if same:
                found = _resolve(db, labels, replace(known, same=same))
            of_word = meanings.groups_of_words(found.of)
            words_said = [label for of in of_word.values() for label in of]
            said = list(queries_meanings.said_beside(db, words_said))
        settled = Settled(labels, found, chosen_by=embedder.id)
        settled.choices = yield from _choices(project, embedder, labels, of_word, said)
        if picker is not None:
            picks = picks or Picks()
            texts = meanings.texts_of(labels)
            settled.choices = yield from by_model(
                settled.choices, of_word, said, texts, picker, picks
            )
            if picks.words:
                settled.chosen_by = f"{_PICKED}{picker.id}"
        for image, label in said:
            meaning = found.of.get(label)  # none for a label that came in the meantime
            choice = settled.choices.get(meaning.word) if meaning else None
            if choice is not None and image in choice.others:
                settled.others[label, image] = choice.others[image]
    with project.write("synsets", "tags") as db:
        return _store(db, settled)


def _resolve(db: Connection, labels: Sequence[LabelState], known: Known) -> Meanings:
    return meanings.resolve(labels, known, lambda of: queries_meanings.count_images(db, of))


def named(labels: Iterable[LabelState]) -> frozenset[str]:
    """WordNet ids that machines named themselves."""
    return frozenset(str(one.wordnet_id) for one in labels if one.wordnet_id in wordnet())


def by_order(labels: Sequence[LabelState], found: Meanings) -> dict[str, Choice]:
    """What words with several senses mean by WordNet's order alone."""
    there = named(labels)
    return {
        word: image_senses.without_context(word, there)
        for word in meanings.groups_of_words(found.of)
    }


def provisional(db: Connection, labels: Sequence[LabelState]) -> Settled:
    """What labels mean while a run goes on: by WordNet's order, nothing said often."""
    found = meanings.resolve(labels, known_of(db), lambda groups: [0] * len(groups))
    return Settled(list(labels), found, by_order(labels, found))


def known_of(db: Connection) -> Known:
    """What a person's words and decisions fix."""
    persons: dict[str, int] = {}
    for word, synset_id in queries_meanings.persons_words(db):
        persons.setdefault(meanings.key_of(word), synset_id)
    decided = [one.key for one in queries_meanings.synset_keys(db) if _kept(one)]
    return Known(persons, frozenset(meanings.key_of(key) for key in decided))


def _kept(synset: SynsetKey) -> bool:
    return synset.decided and synset.wordnet_id is None and synset.source == "machine"


def _same(
    project: Project, embedder: TextEmbedder, unknown: Mapping[str, str]
) -> Generator[Progress, None, dict[str, str]]:
    """The nouns that unknown words are, where an embedder is sure."""
    if not unknown:
        return {}
    keys = sorted(unknown)
    index = yield from vectors.of_nouns(project.cache, embedder)
    queries = yield from vectors.of_texts(project.cache, embedder, keys)
    found = {}
    for key, near in zip(keys, senses.nearest(queries, index, _NEAREST), strict=True):
        synset = senses.same_noun(key, [(senses.everyday()[row], cosine) for row, cosine in near])
        if synset is not None:
            found[key] = synset
    return found


def _choices(
    project: Project,
    embedder: TextEmbedder,
    labels: Sequence[LabelState],
    of_word: Mapping[str, Sequence[int]],
    said: Sequence[tuple[int, int]],
) -> Generator[Progress, None, dict[str, Choice]]:
    if not of_word:
        return {}
    beside = {label for _, label in said}
    texts = meanings.texts_of(label for label in labels if label.id in beside)
    there = named(labels)
    options = {one for word in of_word for one in image_senses.options(word, there)}
    wanted = sorted({*texts.values(), *(senses.text_of(one) for one in options)})
    table = yield from vectors.of_texts(project.cache, embedder, wanted)
    vector_of: dict[str, Floats] = dict(zip(wanted, table, strict=True))
    return image_senses.choose(of_word, said, texts, there, vector_of)


# --- storing ---------------------------------------------------------------------------------


class Ids:
    """Ids of synsets, made where there is none yet. Use one inside one write."""

    def __init__(self, db: Connection, own: Mapping[str, meanings.Own]) -> None:
        self._db, self._own = db, own
        self._wordnet: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        for one in queries_meanings.synset_keys(db):
            if one.wordnet_id is not None:
                self._wordnet.setdefault(one.wordnet_id, one.id)
            else:
                self._keys.setdefault(one.key, one.id)

    def of(self, target: Target) -> int:
        """The id of a target's synset."""
        if target.kind == "person":
            return int(target.key)
        if target.kind == "wordnet":
            if target.key not in self._wordnet:
                self._wordnet[target.key] = ensure(self._db, wordnet(), target.key)
            return self._wordnet[target.key]
        if target.key not in self._keys:
            self._keys[target.key] = self._make(target.key)
        return self._keys[target.key]

    def _make(self, key: str) -> int:
        name = self._own[key].name if key in self._own else key
        # Made by an older version, under its name.
        older = self._keys.get(word_key(name))
        return older or store.ensure_synset(self._db, name, key=key)


def ensure(db: Connection, net: WordNet, wordnet_id: str, *, inner: bool = False) -> int:
    """The id of a WordNet synset, made with its words where there is none yet."""
    return store.ensure_synset(
        db,
        net.name(wordnet_id),
        wordnet_id=wordnet_id,
        lemmas=net.lemmas(wordnet_id),
        inner=inner,
    )


def assign(db: Connection, settled: Settled, ids: Ids, only: Iterable[LabelState]) -> set[int]:
    """Stores what these labels mean; ids of those that meant something else before."""
    moved = set()
    for label in only:
        meaning = settled.meanings.of[label.id]
        choice = settled.choices.get(meaning.word)
        target = meaning.target if choice is None else Target("wordnet", choice.first)
        reason = _reason(meaning, choice)
        synset, said = ids.of(target), ", ".join(meaning.attributes)
        if (synset, reason, said) != (label.synset_id, label.reason, label.attributes):
            store.set_label(db, label.id, synset, reason, said)
        if synset != label.synset_id:
            moved.add(label.id)
    return moved


def _reason(meaning: Meaning, choice: Choice | None) -> str:
    if choice is None or not choice.reason:
        return meaning.reason
    return f"{meaning.reason}; {choice.reason}" if meaning.attributes else choice.reason


def _store(db: Connection, settled: Settled) -> set[int]:
    chosen_by, before = queries_meanings.senses(db)
    kept: set[int] = set()
    if _authority(settled.chosen_by) < _authority(chosen_by):
        kept = {
            label.id for label in settled.labels if label.id in before and _open(settled, label)
        }
    ids = Ids(db, settled.meanings.own)
    moved = assign(db, settled, ids, [one for one in settled.labels if one.id not in kept])
    own = {ids.of(Target("own", key)): one for key, one in settled.meanings.own.items()}
    store.set_lemmas(db, {synset: one.lemmas for synset, one in own.items()})
    queries_pipeline.set_names(db, {synset: one.name for synset, one in own.items()})
    weights = {label: of for label, of in before.items() if label in kept}
    weights |= {label: of for label, of in _weights(settled).items() if label not in kept}
    there = {
        pair: ids.of(Target("wordnet", one))
        for pair, one in settled.others.items()
        if pair[0] not in kept
    }
    stored = queries_meanings.label_senses(db)
    there |= {pair: synset for pair, synset in stored.items() if pair[0] in kept}
    gone = stored.keys() - there.keys()
    new = {pair: synset for pair, synset in there.items() if stored.get(pair) != synset}
    store.set_label_senses(db, gone, [(*pair, synset) for pair, synset in new.items()])
    store.set_senses(db, weights, chosen_by if kept else settled.chosen_by)
    changed = {image for _, image in (*gone, *new)}
    return changed | queries_meanings.images_of_labels(db, moved)


def _authority(chosen_by: str | None) -> int:
    """Who is not overruled by whom: WordNet's order, an embedder, a language model."""
    if chosen_by is None:
        return 0
    return 2 if chosen_by.startswith(_PICKED) else 1


def _open(settled: Settled, label: LabelState) -> bool:
    """Whether it is left to an embedder what the label means."""
    meaning = settled.meanings.of[label.id]
    unknown = meaning.target.kind == "own" and not meaning.attributes
    return label.synset_id is not None and (bool(meaning.word) or unknown)


def _weights(settled: Settled) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for label, meaning in settled.meanings.of.items():
        choice = settled.choices.get(meaning.word)
        if choice is not None:
            found[label] = choice.weights
        elif meaning.nearest:
            found[label] = {meaning.target.key: 1.0}
    return found
