# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""This project's engine under measurement: a duplex session whose choices follow a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
import time
from typing import Any, Optional

import torch

from benchmarks.latency.model_size import RandomWeights
from benchmarks.latency.unit_engine import RandomInput, UnitCost, UnitKind
from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.duplex_options import DuplexOptions
from minicpmo.graph.execution import Execution
from minicpmo.protocol import Unit, UnitTimings
from minicpmo.special_token import TOKEN_NAMES, SpecialTokens
from minicpmo.stream_encoder import StreamEncoder
from minicpmo.warm_up import warm_up

TURN_UNITS = 8
"""A spoken turn ends after this many units, in one that is not counted."""
UNIT_ROOM = 1024
"""The conversation begins again when fewer rows than this are left."""


class IdTokenizer:
    """A vocabulary without words: every id is one letter, the last ids are the special tokens."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        first = vocab_size - len(TOKEN_NAMES)
        self._ids = {name: first + i for i, name in enumerate(TOKEN_NAMES.values())}
        self.special_ids = self.skip_ids = frozenset(self._ids.values())
        self.bad_ids: tuple[int, ...] = ()
        self.eos_id = self._ids['<|im_end|>']

    def encode(self, text: str) -> list[int]:
        """Return one id per character."""
        return [ord(letter) % 200 for letter in text]

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return one letter per id."""
        return ''.join('a' for id_ in ids if not skip_special or id_ not in self.skip_ids)

    def token_id(self, name: str) -> int:
        """Return the id of a special token; any other name is one text token."""
        return self._ids.get(name, 0)


class ScriptedChoice:
    """Does all the work of choosing a token, then says what the script wants."""

    def __init__(self, choose: Callable[[torch.Tensor], int]) -> None:
        self._choose = choose
        self._script: Iterator[int] = iter(())

    def follow(self, ids: Iterable[int]) -> None:
        """Say these ids next."""
        self._script = iter(ids)

    def __call__(self, logits: torch.Tensor) -> int:
        """Return the next id of the script."""
        self._choose(logits)
        return next(self._script)


class SessionEngine:
    """Implements ``UnitEngine``.

    context: rows that fill the key/value cache before the first unit.
    execution: how the hot path runs; None runs everything as it comes.
    weights: a model to measure, one of random weights where not given.
    capacity: rows of the key/value cache; the conversation begins again when it is full.
    """

    def __init__(
        self,
        size: str,
        device: torch.device,
        dtype: torch.dtype,
        context: int = 0,
        execution: Optional[Execution] = None,
        weights: Optional[RandomWeights] = None,
        capacity: Optional[int] = None,
    ) -> None:
        self._device, self._context = device, context
        self.execution = execution or Execution(device)
        self.name = 'minicpmo graphs' if self.execution.fixed_shapes else 'minicpmo'
        weights = weights or RandomWeights.make(size, device, dtype)
        model = weights.model
        model.llm.kernel = self.execution.attention.kernel
        self._tokenizer = IdTokenizer(model.config.llm.vocab_size)
        self._tokens = SpecialTokens.from_tokenizer(self._tokenizer)
        pools = self.execution.new_pool(), self.execution.new_pool()
        begun = time.perf_counter()
        speech = weights.new_speech(pools[1])
        prompt = DuplexPrompt.from_text(self._tokenizer, 'Streaming Omni Conversation.')
        options = DuplexOptions(window=WindowOptions(mode=WindowMode.OFF))
        if capacity is not None:
            options = replace(options, context_tokens=capacity)
        self._session = DuplexSession(
            model.llm, self._tokenizer, StreamEncoder(model), speech, prompt, options,
            clock=self._clock, pool=pools[0],
        )  # fmt: skip
        if self.execution.fixed_shapes:
            warm_up(self._session, True, model.config.slicing.scale_resolution)
        self.runs = self.execution.line(*pools)
        self.warm_up_seconds = time.perf_counter() - begun
        self._choice = ScriptedChoice(self._session.chooser.choose)
        self._session.chooser.choose = self._choice
        self._input = RandomInput()
        self._index = self._spoken = 0
        self._begin()

    @property
    def cache_bytes(self) -> int:
        """Return the bytes of all tensors that belong to the session."""
        stream = self._session.conversation.stream
        return (
            tensor_bytes(stream.cache)
            + tensor_bytes(vars(self._session.encoder))
            + (tensor_bytes(self._session.speech) if self._session.speech else 0)
        )

    def run(self, kind: UnitKind) -> UnitCost:
        """Run one unit; what begins or ends a turn between units is not counted."""
        if self._session.conversation.stream.cache.room < UNIT_ROOM:
            self._session.reset()
            self._begin()
        if self._spoken and (not kind.speaks or self._spoken >= TURN_UNITS):
            self._end_turn()
        if kind.speaks and not self._spoken:
            self._step(UnitKind('begin', 0, kind.text_tokens), self._speak(kind.text_tokens))
        says = self._speak(kind.text_tokens) if kind.speaks else (self._tokens.listen,)
        return self._step(kind, says)

    def close(self) -> None:
        """Free the session."""
        self._session.close()

    def _begin(self) -> None:
        """Fill the cache with ``context`` rows."""
        stream = self._session.conversation.stream
        if self._context:
            stream.feed_ids([0] * self._context)
        self._index = self._spoken = 0

    def _speak(self, text_tokens: int) -> tuple[int, ...]:
        return (self._tokens.speak, *range(1, 1 + text_tokens), self._tokens.chunk_end)

    def _end_turn(self) -> None:
        ends = (self._tokens.speak, 1, self._tokens.turn_end, self._tokens.chunk_end)
        self._step(UnitKind('end', 0, 1), ends)
        self._spoken = 0

    def _step(self, kind: UnitKind, says: tuple[int, ...]) -> UnitCost:
        self._choice.follow(says)
        pictures = (self._input.picture(kind.picture),) if kind.picture else ()
        unit = Unit(self._index, self._input.audio(), pictures)
        stream = self._session.conversation.stream
        forwards, rows = stream.forwards, stream.vocabulary_rows
        started, processor = self._clock(), time.process_time()
        result = self._session.step(unit)
        total = self._clock() - started
        processor = time.process_time() - processor
        self._index += 1
        self._spoken = self._spoken + 1 if kind.speaks else 0
        stages = {stage.name: getattr(result.timings, stage.name) for stage in fields(UnitTimings)}
        stages.update(processor=processor, total=total)
        return UnitCost(stages, stream.forwards - forwards, stream.vocabulary_rows - rows)

    def _clock(self) -> float:
        """Return the time at which the device has finished [s]."""
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def tensor_bytes(owner: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of the tensors a state object holds, modules and weights left out."""
    seen = set() if seen is None else seen
    if id(owner) in seen or isinstance(owner, torch.nn.Module):
        return 0
    seen.add(id(owner))
    if isinstance(owner, torch.Tensor):
        return owner.nbytes
    if isinstance(owner, dict):
        parts: Iterable[Any] = owner.values()
    elif isinstance(owner, (list, tuple)):
        parts = owner
    elif is_dataclass(owner) or type(owner).__module__.startswith('minicpmo.'):
        parts = vars(owner).values()
    else:
        return 0
    return sum(tensor_bytes(part, seen) for part in parts)
