# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The speech-token decoder of one stream with fixed shapes: a unit's codes without the host.

One step feeds a code, scores the next one, draws it and counts on, all on the device; the host
only launches steps and fetches several codes at once. A step that runs beyond the code that ended
the unit does no harm: what it wrote lies beyond the length the host keeps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from minicpmo.graph.captured_step import GraphPool, Step, doubling_sizes
from minicpmo.rotary import inverse_frequency
from minicpmo.speech.backbone import SpeechCache
from minicpmo.speech.code_sampler import CodeSampling, chosen_code, penalised
from minicpmo.speech.decoder import SpeechDecoder

CONDITION_ROWS = 24
"""Padded size of what a unit begins with: a code not yet fed, 20 tokens, audio begin."""
SHORTEST_VISIBLE = 512


class CodeGraphs:
    """Captured steps of one stream; made while its cache is empty.

    codes: int64 [steps], the codes of the unit so far. scores: float32 [codes], what the newest
    one was drawn from. noise: float32 [steps, codes], exponential; unused where the best code is
    taken.
    """

    def __init__(
        self,
        decoder: SpeechDecoder,
        cache: SpeechCache,
        rules: CodeSampling,
        noise: Tensor,
        pool: GraphPool,
    ) -> None:
        assert cache.length == 0, 'warming up overwrites the first rows'
        self._decoder, self._cache, self._rules, self.noise = decoder, cache, rules, noise
        steps, count = noise.shape
        device = noise.device
        # Written by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._rows = cache.keys.new_zeros(CONDITION_ROWS, decoder.config.hidden_size)
            self._position, self._index, self._last, self._least, self._code = (
                torch.zeros(1, dtype=torch.int64, device=device) for _ in range(5)
            )
            self._ring = torch.full((rules.window,), count, dtype=torch.int64, device=device)
            self._forced = torch.full((steps,), -1, dtype=torch.int64, device=device)
            self._counts = torch.zeros(count + 1, device=device)
            self._ones = torch.ones(rules.window, device=device)
            self.codes = torch.zeros(steps, dtype=torch.int64, device=device)
            self.scores = torch.zeros(count, device=device)
        config = decoder.config
        # A graph reads this constant at its address: it must live as long as the graph.
        self._constant = inverse_frequency(decoder.model.head_dim, config.rope_theta, device)
        self._steps: dict[int, tuple[Step, Step]] = {}
        self._advance: Step = lambda: None
        self._capture(pool)

    def _capture(self, pool: GraphPool) -> None:
        sizes = doubling_sizes(SHORTEST_VISIBLE, self._cache.capacity)
        for visible in (size for size in sizes if size >= CONDITION_ROWS):
            self._restart()
            begin = pool.capture(lambda v=visible: self._run_condition(v))
            self._restart()
            advance = pool.capture(lambda v=visible: self._run_code(v))
            self._steps[visible] = begin, advance
        self._restart()

    def fits(self, rows: int, length: int) -> bool:
        """Return whether a unit with so many condition rows behind ``length`` can run here."""
        return rows <= CONDITION_ROWS and self._visible(length + rows) is not None

    def begin(self, condition: Tensor, length: int, least: int, forced: list[int] | None) -> None:
        """Feed condition rows [n, width] behind ``length`` rows and draw the first code.

        least: codes before the end code is possible. forced: codes to take instead of drawing.
        """
        rows = condition.shape[0]
        visible = self._visible(length + rows)
        assert visible is not None
        begin, self._advance = self._steps[visible]
        self._restart()
        self._rows[:rows].copy_(condition)
        self._rows[rows:].zero_()
        self._position.fill_(length)
        self._last.fill_(rows - 1)
        self._least.fill_(least)
        if forced:
            taken = torch.tensor(forced[: len(self._forced)])
            self._forced[: len(taken)].copy_(taken)
        begin()

    def advance(self) -> None:
        """Feed the newest code and draw the next one."""
        self._advance()

    def _restart(self) -> None:
        """Forget the last unit; the noise stays."""
        self._ring.fill_(len(self._counts) - 1)
        self._forced.fill_(-1)
        for counter in (self._position, self._index, self._last, self._least, self._code):
            counter.zero_()

    def _visible(self, rows: int) -> int | None:
        """Return the smallest size with room for ``rows``, the padding and the unit's codes."""
        needed = rows + max(len(self.codes), CONDITION_ROWS)
        return next((size for size in self._steps if size >= needed), None)

    def _run_condition(self, visible: int) -> None:
        hidden = self._forward(self._rows, visible)
        self._position.add_(self._last + 1)
        self._draw(hidden.index_select(0, self._last)[0])

    def _run_code(self, visible: int) -> None:
        hidden = self._forward(self._decoder.emb_code[0](self._code), visible)
        self._position.add_(1)
        self._draw(hidden[0])

    def _forward(self, rows: Tensor, visible: int) -> Tensor:
        backbone = self._decoder.model
        step = backbone.step_at(self._position, rows.shape[0], visible)
        return backbone.run_layers(rows, self._cache, step)

    def _draw(self, hidden: Tensor) -> None:
        rules, index = self._rules, self._index
        scores = self._decoder.logits(hidden) / rules.temperature
        counts = self._counts.zero_().index_add_(0, self._ring, self._ones)[:-1]
        scores = penalised(scores, counts, rules.penalty)
        scores[-1:].masked_fill_(index < self._least, -torch.inf)
        self.scores.copy_(scores)
        code = chosen_code(scores, self.noise.index_select(0, index)[0], rules)
        forced = self._forced.index_select(0, index)
        code = torch.where(forced < 0, code, forced)
        self._code.copy_(code)
        self.codes.index_copy_(0, index, code)
        self._ring.index_copy_(0, index % rules.window, code)
        # Warming up and speculation may run past the last code; the place stays inside.
        index.add_(1).clamp_(max=len(self.codes) - 1)
