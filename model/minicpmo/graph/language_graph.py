# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Forwards of the language model with fixed shapes on the cache of one conversation.

A short input is padded to one of a few sizes. Padding rows stand behind the real ones, so no real
row sees them; what they leave in the cache lies beyond its length and is overwritten by what comes
next. The number of cache rows a forward looks at is one of a few, too, so that a short context
does not pay for a large cache; a mask hides what is not valid. Masked rows count with weight zero,
and zero times any finite number is zero: all rows ever written are finite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import torch
from torch import Tensor

from minicpmo.graph.captured_step import GraphPool, Step, doubling_sizes
from minicpmo.host_table import HostTable
from minicpmo.kv_cache import KeyValueCache
from minicpmo.llm import LanguageModel
from minicpmo.rotary import inverse_frequency

INPUT_ROWS = (16, 96, 192)
"""Padded sizes: a second of sound, with one picture, with two pictures; and notes.

Larger inputs are bound by arithmetic, not by launches, and run as they are.
"""
SHORTEST_VISIBLE = 512

Progress = Callable[[int, int], None]


class LanguageGraphs:
    """Captured steps of one conversation; made while its cache is empty.

    state: where every forward leaves the last row's state, [hidden].
    logits: where :meth:`evaluate_head` leaves the logits of ``state``, [vocab].
    """

    def __init__(self, model: LanguageModel, cache: KeyValueCache, pool: GraphPool) -> None:
        assert cache.length == 0, 'warming up overwrites the first rows'
        self._model, self._cache, self._pool = model, cache, pool
        config, like = model.config, cache.keys
        # Written by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._rows = like.new_zeros(INPUT_ROWS[-1], config.hidden_size)
            self.state = like.new_zeros(config.hidden_size)
            self.logits = like.new_zeros(config.vocab_size)
            self._token, self._position, self._last = (
                torch.zeros(1, dtype=torch.int64, device=like.device) for _ in range(3)
            )
        # A graph reads this constant at its address: it must live as long as the graph.
        self._constant = inverse_frequency(config.head_dim, config.rope_theta, like.device)
        table = model.model.embed_tokens
        self._host_table = table if isinstance(table, HostTable) else None
        self._visible = doubling_sizes(SHORTEST_VISIBLE, cache.capacity)
        self._decoding: dict[int, Step] = {}
        self._feeding: dict[tuple[int, int], Step] = {}
        self._head: Step = self._evaluate_head

    @property
    def sizes(self) -> int:
        """Return how many steps there are to capture."""
        return len(self._visible) * (1 + len(INPUT_ROWS)) + 1

    @torch.inference_mode()
    def capture(self, progress: Progress = lambda done, total: None) -> None:
        """Run and capture every size; writes to the first rows of the cache.

        progress: called with the steps captured so far and in all.
        """
        done = 0
        for visible in self._visible:
            self._decoding[visible] = self._pool.capture(lambda v=visible: self._decode(v))
            for rows in INPUT_ROWS:
                if rows <= visible:
                    step = self._pool.capture(lambda r=rows, v=visible: self._feed(r, v))
                    self._feeding[rows, visible] = step
            done += 1 + len(INPUT_ROWS)
            progress(done, self.sizes)
        self._head = self._pool.capture(self._evaluate_head)
        progress(self.sizes, self.sizes)

    def feed(self, embeddings: Tensor) -> Optional[Tensor]:
        """Append rows [rows, hidden] and return ``state``; None if no size fits."""
        count, length = embeddings.shape[0], self._cache.length
        rows = next((size for size in INPUT_ROWS if size >= count), None)
        visible = None if rows is None else self._visible_rows(length + rows)
        if rows is None or visible is None:
            return None
        self._rows[:count].copy_(embeddings)
        self._rows[count:rows].zero_()
        self._position.fill_(length)
        self._last.fill_(count - 1)
        self._feeding[rows, visible]()
        self._cache.length += count
        return self.state

    def feed_token(self, token: int) -> Optional[Tensor]:
        """Append one token and return ``state``; None if the cache is full."""
        visible = self._visible_rows(self._cache.length + 1)
        if visible is None:
            return None
        if self._host_table is None:
            self._token.fill_(token)
        else:
            self._host_table.copy_row(token, self._rows[0])
        self._position.fill_(self._cache.length)
        self._decoding[visible]()
        self._cache.length += 1
        return self.state

    def evaluate_head(self) -> Tensor:
        """Return the logits [vocab] of ``state``; valid until the next call."""
        self._head()
        return self.logits

    def _visible_rows(self, needed: int) -> Optional[int]:
        return next((size for size in self._visible if size >= needed), None)

    def _decode(self, visible: int) -> None:
        # A row of a host table is put there before the step.
        row = self._rows[:1] if self._host_table else self._model.embed(self._token)
        self.state.copy_(self._forward(row, visible)[0])

    def _feed(self, rows: int, visible: int) -> None:
        hidden = self._forward(self._rows[:rows], visible)
        self.state.copy_(hidden.index_select(0, self._last)[0])

    def _forward(self, rows: Tensor, visible: int) -> Tensor:
        step = self._model.step_at(self._position, rows.shape[0], visible, rows.dtype)
        return self._model.model(rows[None], step, self._cache)[0]

    def _evaluate_head(self) -> None:
        self.logits.copy_(self._model.logits(self.state))
