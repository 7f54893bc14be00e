"""Vectors of texts, kept in the project's cache by model and text."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from annotator.backends.protocols import Floats, TextEmbedder
from annotator.core import senses
from annotator.core.paths import shipped
from annotator.core.records import Progress
from annotator.project.cache import Cache

#: Texts that are embedded at once.
_BATCH = 256


def of_texts(
    cache: Cache, embedder: TextEmbedder, texts: Sequence[str]
) -> Generator[Progress, None, Floats]:
    """Returns float32[n, d], unit norm, in the order of ``texts``; yields how far it is."""
    found: dict[str, Floats] = {}
    missing: list[str] = []
    for text in sorted(set(texts)):
        data = cache.get("embed", f"word:{embedder.id}:{text}") or b""
        if data and len(data) % 4 == 0:
            found[text] = np.frombuffer(data, dtype=np.float32)
        else:
            missing.append(text)
    for start in range(0, len(missing), _BATCH):
        yield Progress("vocabulary", start, len(missing), message="reading words")
        part = missing[start : start + _BATCH]
        for text, vector in zip(part, embedder.embed(part), strict=True):
            found[text] = np.ascontiguousarray(vector, dtype=np.float32)
            cache.put("embed", f"word:{embedder.id}:{text}", found[text].tobytes())
    return np.stack([found[text] for text in texts])


def of_nouns(cache: Cache, embedder: TextEmbedder) -> Generator[Progress, None, Floats]:
    """Returns the vectors of ``senses.everyday``, float32[n, d], in its order. Embedded once, by
    model and WordNet file: some 7,000 names, half a minute of MiniLM on two cores. They are the
    same for every project, so they are kept in the person's cache folder, and in the project's
    cache where that cannot be written."""
    ids = senses.everyday()
    key = f"nouns:{embedder.id}:{_wordnet_hash()}"
    file = _shared(key)
    data = _read(file) or cache.get("embed", key)
    if data is not None and data and len(data) % (4 * len(ids)) == 0:
        return np.frombuffer(data, dtype=np.float32).reshape(len(ids), -1)
    parts = []
    for start in range(0, len(ids), _BATCH):
        yield Progress("vocabulary", start, len(ids), message="reading WordNet")
        texts = [senses.search_text(synset) for synset in ids[start : start + _BATCH]]
        parts.append(np.ascontiguousarray(embedder.embed(texts), dtype=np.float32))
    found: Floats = np.concatenate(parts)
    if not _write(file, found.tobytes()):
        cache.put("embed", key, found.tobytes())
    return found


def _shared(key: str) -> Path:
    from platformdirs import user_cache_path

    name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return user_cache_path("annotator", appauthor=False) / "vectors" / f"{name}.f32"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _write(file: Path, data: bytes) -> bool:
    """Whole or not at all; False where it cannot be written."""
    part = file.with_name(f".{file.name}-{secrets.token_hex(4)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            part.unlink()
    return True


def _wordnet_hash() -> str:
    file = shipped("resources", "wordnet", "nouns.tsv.gz")
    return hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
