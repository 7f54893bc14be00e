"""Language models of transformers: from a folder on disk, or from one GGUF file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from annotator.backends import generation, gguf_file, pretrained
from annotator.backends.protocols import Floats
from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

T = TypeVar("T")
OPTIONS = ("dtype", "batch", "context")
#: A tokenizer that knows no limit says a number with thirty digits.
_NO_LIMIT = 10**9


class CausalLanguageModel:
    """Answers in text with the most probable token each time, and scores given answers. Any
    thread may call; calls take turns. ``home``: the folder or file it came from."""

    def __init__(
        self, model: Any, tokenizer: Any, home: Path, model_id: str, options: Mapping[str, Any]
    ) -> None:
        chosen = pretrained.settings(model_id.partition("@")[0], options, OPTIONS)
        self._model, self._tokenizer = model, tokenizer
        self._home, self._id = home, model_id
        self._batch = chosen.batch
        limits = [
            chosen.context or _NO_LIMIT,
            getattr(model.config, "max_position_embeddings", None) or _NO_LIMIT,
            min(tokenizer.model_max_length, _NO_LIMIT),
        ]
        self._context = int(min(limits))
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def id(self) -> str:
        return self._id

    @property
    def context(self) -> int:
        """Tokens that question and answer may have together: what the manifest says, never more
        than the model and its tokenizer allow."""
        return self._context

    def usage(self) -> Usage:
        """A request is one call of ``complete`` or ``score``."""
        return self._usage  # replaced whole, so that nobody waits for a running answer

    def count(self, text: str) -> int:
        """Tokens of a text, with those that begin every text."""
        with self._lock:
            return len(self._tokens(text))

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None = None,  # noqa: ARG002 - it cannot be held to one
        *,
        max_tokens: int = 1024,
    ) -> str:
        """The reply to a conversation, word for word and the same each time; ended after
        ``max_tokens``, or where the context is full. Raises AnnotatorError when the question
        alone fills the context, or the model cannot answer."""
        with self._lock:
            tokens = self._asked(messages)
            room = self._context - len(tokens)
            if room < 1:
                raise AnnotatorError(
                    f"The question has {len(tokens)} tokens and the language model {self._id} "
                    f"takes {self._context} with the answer: ask less at once."
                )
            said = self._guarded(lambda: self._continued(tokens, min(max_tokens, room)))
            self._usage += Usage(1, 0, len(tokens), len(said))
            ends = generation.end_tokens(self._model)
            kept = next((i for i, token in enumerate(said) if token in ends), len(said))
            return generation.text_of(self._tokenizer, said[:kept]).strip()

    def score(self, prompt: str, options: Sequence[str]) -> Floats:
        """float32[n]: log-probability of each option after the prompt, summed over the tokens
        that write it. A token may begin in the prompt and end in the option (a space and the
        word after it); then these few letters of the prompt are scored with every option, so
        that options stay comparable. Raises AnnotatorError when a prompt is too long."""
        if not options:
            return np.zeros(0, dtype=np.float32)
        with self._lock:
            rows = [self._tokens(prompt + option) for option in options]
            longest = max(len(row) for row in rows)
            if longest > self._context:
                raise AnnotatorError(
                    f"The question has {longest} tokens and the language model {self._id} takes "
                    f"{self._context}: ask less at once."
                )
            asked = self._tokens(prompt)
            # At least one token to go by, and at least one of each option to score.
            common = min(generation.shared(row[:-1], asked) for row in rows)
            if common == 0:
                begin = self._tokenizer.bos_token_id
                begin = self._tokenizer.eos_token_id if begin is None else begin
                rows, common = [[begin, *row] for row in rows], 1
            found = self._guarded(lambda: self._scores(rows, common))
            self._usage += Usage(1, 0, common + sum(len(row) - common for row in rows), 0)
            return found

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])

    def _asked(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """A conversation as tokens, up to where the reply begins."""
        talk = [dict(one) for one in messages]
        if self._tokenizer.chat_template is None:
            lines = [f"{one['role'].capitalize()}: {one['content']}" for one in talk]
            return self._tokens("\n\n".join([*lines, "Assistant:"]))
        try:
            text = self._rendered(talk)
        except Exception:  # templates refuse what they do not know: system messages, mostly
            text = self._guarded(lambda: self._rendered(without_system(talk)))
        # The template writes all that belongs to a conversation, its beginning too.
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _rendered(self, talk: list[dict[str, str]]) -> str:
        return str(
            self._tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        )

    def _continued(self, tokens: list[int], count: int) -> list[int]:
        """The most probable continuation, with its end token if it came to one."""
        import torch

        config = pretrained.library().GenerationConfig(
            do_sample=False, max_new_tokens=count, use_cache=True
        )
        ids = torch.tensor([tokens], device=self._model.device)
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config
            )
        return [int(one) for one in made[0, len(tokens) :]]

    def _scores(self, rows: list[list[int]], common: int) -> Floats:
        """Summed log-probabilities of ``row[common:]`` after ``row[:common]``, which all rows
        share: it goes through the model once."""
        import torch

        found = np.empty(len(rows), dtype=np.float32)
        device = self._model.device
        with torch.inference_mode():
            head = torch.tensor([rows[0][:common]], device=device)
            first = self._model(input_ids=head, use_cache=True, logits_to_keep=1)
            before = first.logits[:, -1:].float().log_softmax(-1)
            for start in range(0, len(rows), self._batch):
                tails = [row[common:] for row in rows[start : start + self._batch]]
                width = max(len(tail) for tail in tails)
                ids = torch.tensor(
                    [tail + [0] * (width - len(tail)) for tail in tails], device=device
                )
                real = torch.tensor(
                    [[i < len(tail) for i in range(width)] for tail in tails], device=device
                )
                logs = before.expand(len(tails), -1, -1)
                if width > 1:
                    logs = torch.cat([logs, self._after(first, ids, real, common)], dim=1)
                chosen = logs.gather(2, ids[:, :, None])[:, :, 0]
                sums = torch.where(real, chosen, 0.0).sum(1)
                found[start : start + len(tails)] = sums.cpu().numpy()
        return found

    def _after(self, first: Any, ids: Any, real: Any, common: int) -> Any:
        """float32[n, width - 1, vocabulary]: log-probabilities of what follows each token of
        ``ids`` but the last, after the head that ``first`` remembers. Padding is at the right,
        where no earlier token sees it."""
        import copy

        import torch

        memory = copy.deepcopy(first.past_key_values)
        memory.batch_repeat_interleave(len(ids))
        seen = torch.ones(len(ids), common, dtype=torch.long, device=ids.device)
        out = self._model(
            input_ids=ids[:, :-1],
            attention_mask=torch.cat([seen, real[:, :-1].long()], dim=1),
            past_key_values=memory,
            use_cache=True,
        )
        return out.logits.float().log_softmax(-1)

    def _guarded(self, work: Callable[[], T]) -> T:
        """What ``work`` returns; errors of the libraries as an AnnotatorError."""
        try:
            return work()
        except AnnotatorError:
            raise
        except Exception as error:  # a model that does not fit its tokenizer, or the memory
            if pretrained.is_out_of_memory(error):
                raise pretrained.out_of_memory(self._id.partition("@")[0]) from error
            raise AnnotatorError(
                f"The language model in {self._home} cannot answer "
                f"({pretrained.reason(error)}): get its files again or choose another model."
            ) from error


def without_system(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The conversation with what the system says put before the next thing the user says, for
    templates that know users and assistants only."""
    made: list[dict[str, str]] = []
    system: list[str] = []
    for one in messages:
        if one["role"] == "system":
            system.append(one["content"])
            continue
        content = "\n\n".join([*system, one["content"]]) if one["role"] == "user" else None
        made.append({"role": one["role"], "content": content or one["content"]})
        system = [] if content is not None else system
    return made if not system else [*made, {"role": "user", "content": "\n\n".join(system)}]


def language_model(spec: RoleSpec, pack: Pack) -> CausalLanguageModel:  # noqa: ARG001 - a factory's signature
    pretrained.settings(spec.model, spec.options, OPTIONS)
    dtype = str(spec.options.get("dtype", ""))
    if spec.file is not None:
        home = spec.file.check()
        model, tokenizer = gguf_file.load(home, dtype)
    elif spec.folder is not None:
        home = spec.folder.check()
        model, tokenizer = _from_folder(home, dtype)
    else:
        raise AnnotatorError(
            f"The {spec.role} {spec.model} needs a folder or a file key in its manifest."
        )
    pretrained.settle(model, tokenizer)
    return CausalLanguageModel(model, tokenizer, home, spec.id, spec.options)


def _from_folder(folder: Path, dtype: str) -> tuple[Any, Any]:
    transformers = pretrained.library()
    config = pretrained.config_of(folder)
    model = pretrained.weights(transformers.AutoModelForCausalLM, folder, config, dtype)
    tokenizer = pretrained.part(
        folder, lambda: transformers.AutoTokenizer.from_pretrained(folder, **pretrained.LOCAL)
    )
    pretrained.part(folder, lambda: pretrained.check_words(folder, tokenizer))
    return model, tokenizer
