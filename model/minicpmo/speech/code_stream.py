# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes of a duplex turn, unit by unit, from one growing decoder context."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import torch

from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.host_read import read_ids
from minicpmo.speech.code_graph import CodeGraphs
from minicpmo.speech.code_sampler import CodeSampler, CodeSampling
from minicpmo.speech.condition import duplex_condition
from minicpmo.speech.decoder import SpeechDecoder

STEPS_PER_UNIT = 26
CODES_PER_UNIT = STEPS_PER_UNIT - 1
CODES_PER_READ = 5
"""Codes that are made before the host looks whether one of them ended the unit."""


@dataclass
class CodeTrace:
    """What the last unit did, for comparison with recordings.

    start: position of the first condition row. minimum: codes before the end code was possible.
    length: rows of context after the unit. next_start: where the next unit begins.
    """

    codes: list[int] = field(default_factory=list)
    start: int = 0
    minimum: int = 0
    length: int = 0
    next_start: int = 0


@dataclass(frozen=True)
class _Unit:
    """A unit that was begun: condition rows [n, width], and what :meth:`begin` was told.

    ahead: captured steps are at work.
    """

    rows: torch.Tensor
    start: int
    minimum: int
    end_of_turn: bool
    forced: Optional[list[int]]
    ahead: bool


class DuplexCodeStream:
    """The speech-token decoder of one session.

    The code drawn in step 26 is discarded by rule, so the step is not computed; the last code is
    fed together with the next unit's condition, which gives the same context with one forward
    less.
    """

    codes_per_read = CODES_PER_READ

    def __init__(
        self,
        decoder: SpeechDecoder,
        sampling: CodeSampling = CodeSampling(),  # noqa: B008
        pool: Optional[GraphPool] = None,
    ) -> None:
        self._decoder = decoder
        count = decoder.config.num_audio_tokens
        self._sampler = CodeSampler(sampling, count, decoder.device, CODES_PER_UNIT)
        self._cache = decoder.new_cache()
        self._graphs: Optional[CodeGraphs] = None
        if pool is not None and not sampling.filters:
            with torch.no_grad():
                noise = self._sampler.noise
                self._graphs = CodeGraphs(decoder, self._cache, sampling, noise, pool)
        self._unfed: list[int] = []
        self._unit: Optional[_Unit] = None
        self.restarts = 0
        self.trace = CodeTrace()

    @property
    def length(self) -> int:
        """Return the rows of context including a code that is not fed yet."""
        return self._cache.length + len(self._unfed)

    def reset_turn(self) -> None:
        """Drop the context; the next unit begins a turn."""
        self._cache.reset()
        self._unfed.clear()
        self._unit = None

    def reset(self) -> None:
        """Return to the state right after construction."""
        self.reset_turn()
        self._sampler.reset()
        self.restarts = 0
        self.trace = CodeTrace()

    def generate(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        end_of_turn: bool,
        forced: Optional[list[int]] = None,
    ) -> list[int]:
        """Return the codes of one unit, at most 25; fewer only where the turn begins or ends.

        Args and errors as for :meth:`begin`.
        """
        self.begin(token_ids, hidden, end_of_turn, forced)
        return self.finish()

    @torch.no_grad()
    def begin(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        end_of_turn: bool,
        forced: Optional[list[int]] = None,
    ) -> None:
        """Launch a unit as far as the host need not look; :meth:`finish` must follow.

        Args:
            token_ids, hidden: as for :meth:`SpeechDecoder.condition`.
            end_of_turn: this unit is the last of the turn; the context is dropped afterwards.
            forced: codes to take instead of drawing (at least as many as steps are run).

        Raises:
            InputError: hidden does not fit; nothing has changed.
        """
        condition = duplex_condition(self._decoder, token_ids, hidden)
        self._make_room(condition.shape[0])
        start = self.length
        minimum = 0 if start == 0 or end_of_turn else STEPS_PER_UNIT
        rows = torch.cat((self._decoder.code_rows(self._unfed), condition))
        self._unfed.clear()
        self._sampler.refresh()
        ahead = self._graphs is not None and self._graphs.fits(rows.shape[0], self._cache.length)
        self._unit = _Unit(rows, start, minimum, end_of_turn, forced, ahead)
        if ahead:
            self._launch(self._unit)

    @torch.no_grad()
    def finish(self) -> list[int]:
        """Return the codes of the unit that was begun."""
        unit, self._unit = self._unit, None
        assert unit is not None, 'begin a unit first'
        codes = self._read_ahead(unit) if unit.ahead else self._draw_in_turn(unit)
        self._unfed += codes[CODES_PER_UNIT - 1 :]
        self.trace = CodeTrace(list(codes), unit.start, unit.minimum, self.length)
        if unit.end_of_turn:
            self.reset_turn()
        self.trace.next_start = self.length
        return codes

    def _make_room(self, rows: int) -> None:
        """Begin a new context where a turn is longer than the decoder has positions."""
        if self.length + rows + CODES_PER_UNIT > self._cache.capacity:
            self.reset_turn()
            self.restarts += 1

    def _launch(self, unit: _Unit) -> None:
        """Begin with the condition and launch codes up to the first look."""
        self._graphs.begin(unit.rows, self._cache.length, unit.minimum, unit.forced)
        self.observe(self._graphs.scores)
        self._advance(self._codes_at_once(unit) - 1)

    def _read_ahead(self, unit: _Unit) -> list[int]:
        """Return the codes by captured steps, looking at several of them at a time."""
        at_once = made = self._codes_at_once(unit)
        codes = read_ids(self._graphs.codes[:made])
        while self._sampler.end_code not in codes and made < CODES_PER_UNIT:
            self._advance(at_once)
            made += at_once
            codes = read_ids(self._graphs.codes[:made])
        if self._sampler.end_code in codes:
            del codes[codes.index(self._sampler.end_code) :]
        self._cache.length += unit.rows.shape[0] + min(len(codes), CODES_PER_UNIT - 1)
        self._cache.position = self._cache.length
        return codes

    def _codes_at_once(self, unit: _Unit) -> int:
        """Return how many codes are made before the host looks; it divides those of a unit."""
        return CODES_PER_UNIT if unit.minimum >= CODES_PER_UNIT else self.codes_per_read

    def _advance(self, steps: int) -> None:
        for _ in range(steps):
            self._graphs.advance()
            self.observe(self._graphs.scores)

    def _draw_in_turn(self, unit: _Unit) -> list[int]:
        """Return the codes, drawn one by one."""
        rows, forced = unit.rows, unit.forced
        self._sampler.forget()
        codes: list[int] = []
        while True:
            hidden = self._decoder.feed(rows, self._cache)
            scores = self._sampler.scores(self._decoder.logits(hidden), len(codes) >= unit.minimum)
            self.observe(scores)
            step = len(codes)
            code = forced[step] if forced else self._sampler.choose(scores, step)
            if code == self._sampler.end_code:
                return codes
            codes.append(code)
            self._sampler.accept(code)
            if len(codes) == CODES_PER_UNIT:
                return codes
            rows = self._decoder.code_rows([code])

    def observe(self, scores: torch.Tensor) -> None:
        """Do nothing; a check overrides this to see the scores of every step.

        With captured steps it also sees those of codes that are dropped, unless
        ``codes_per_read`` is 1.
        """
