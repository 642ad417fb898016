# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes of a duplex turn, unit by unit, from one growing decoder context."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import torch

from minicpmo.speech.code_sampler import CodeSampler, CodeSampling
from minicpmo.speech.condition import duplex_condition
from minicpmo.speech.decoder import SpeechDecoder

STEPS_PER_UNIT = 26
CODES_PER_UNIT = STEPS_PER_UNIT - 1


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


class DuplexCodeStream:
    """The speech-token decoder of one session.

    The code drawn in step 26 is discarded by rule, so the step is not computed; the last code is
    fed together with the next unit's condition, which gives the same context with one forward
    less.
    """

    def __init__(self, decoder: SpeechDecoder, sampling: CodeSampling = CodeSampling()) -> None:  # noqa: B008
        self._decoder = decoder
        self._sampler = CodeSampler(sampling, decoder.config.num_audio_tokens, decoder.device)
        self._cache = decoder.new_cache()
        self._unfed: list[int] = []
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

    def reset(self) -> None:
        """Return to the state right after construction."""
        self.reset_turn()
        self._sampler.reset()
        self.restarts = 0
        self.trace = CodeTrace()

    @torch.no_grad()
    def generate(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        end_of_turn: bool,
        forced: Optional[list[int]] = None,
    ) -> list[int]:
        """Return the codes of one unit, at most 25; fewer only where the turn begins or ends.

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
        codes = self._draw(condition, minimum, forced)
        self.trace = CodeTrace(list(codes), start, minimum, self.length)
        if end_of_turn:
            self.reset_turn()
        self.trace.next_start = self.length
        return codes

    def _make_room(self, rows: int) -> None:
        """Begin a new context where a turn is longer than the decoder has positions."""
        if self.length + rows + CODES_PER_UNIT > self._cache.capacity:
            self.reset_turn()
            self.restarts += 1

    def _draw(
        self, condition: torch.Tensor, minimum: int, forced: Optional[list[int]]
    ) -> list[int]:
        rows = torch.cat((self._decoder.code_rows(self._unfed), condition))
        self._unfed.clear()
        self._sampler.forget()
        codes: list[int] = []
        while True:
            hidden = self._decoder.feed(rows, self._cache)
            scores = self._sampler.scores(self._decoder.logits(hidden), len(codes) >= minimum)
            self.observe(scores)
            code = forced[len(codes)] if forced else self._sampler.choose(scores)
            if code == self._sampler.end_code:
                return codes
            codes.append(code)
            self._sampler.accept(code)
            if len(codes) == CODES_PER_UNIT:
                self._unfed.append(code)
                return codes
            rows = self._decoder.code_rows([code])

    def observe(self, scores: torch.Tensor) -> None:
        """Do nothing; a check overrides this to see the scores of every step."""
