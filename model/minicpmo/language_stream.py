# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The language model's side of one conversation: its cache and the work done so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

from minicpmo.context_window import WindowChange
from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.language_graph import LanguageGraphs, Progress
from minicpmo.kv_cache import KeyValueCache
from minicpmo.llm import LanguageModel


class LanguageStream:
    """Feeds one conversation into shared weights.

    pool: where the fixed-shape steps are captured; None runs every forward as it comes.
    progress: called while they are.
    keeps_rows: remember what was fed, so that it can be computed anew (:meth:`renew`).

    States and logits it returns are valid until the next call.

    forwards: runs of the decoder since construction.
    vocabulary_rows: rows the vocabulary head was evaluated for.
    """

    def __init__(
        self,
        model: LanguageModel,
        capacity: int,
        pool: Optional[GraphPool] = None,
        progress: Progress = lambda done, total: None,
        keeps_rows: bool = False,
    ) -> None:
        self.model = model
        self.cache: KeyValueCache = model.new_cache(capacity)
        self._rows: Optional[Tensor] = None
        if keeps_rows:
            self._rows = self.cache.keys.new_empty(capacity, model.config.hidden_size)
        self._graphs: Optional[LanguageGraphs] = None
        if pool is not None:
            self._graphs = LanguageGraphs(model, self.cache, pool)
            self._graphs.capture(progress)
        self.forwards = 0
        self.vocabulary_rows = 0

    @property
    def length(self) -> int:
        """Return the number of rows in the cache."""
        return self.cache.length

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> Tensor:
        """Return the embedding rows of ids, [len(ids), hidden]."""
        return self.model.embed_ids(ids)

    @torch.inference_mode()
    def feed(self, embeddings: Tensor) -> Tensor:
        """Append rows [rows, hidden] in one forward; return the last row's state [hidden]."""
        self.forwards += 1
        self._keep(embeddings)
        state = self._graphs.feed(embeddings) if self._graphs else None
        return self.model.extend(embeddings, self.cache)[-1] if state is None else state

    @torch.inference_mode()
    def feed_ids(self, ids: Sequence[int]) -> Tensor:
        """Append token ids in one forward; return the last row's state [hidden]."""
        if self._graphs and len(ids) == 1:
            if self._rows is not None:
                self._keep(self.embed(ids))
            state = self._graphs.feed_token(ids[0])
            if state is not None:
                self.forwards += 1
                return state
        return self.feed(self.embed(ids))

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Return the vocabulary logits of one row [vocab]."""
        self.vocabulary_rows += 1
        if self._graphs and hidden is self._graphs.state:
            return self._graphs.evaluate_head()
        return self.model.logits(hidden)

    def _keep(self, embeddings: Tensor) -> None:
        """Remember rows at the places that their keys and values will have."""
        length, rows = self.cache.length, len(embeddings)
        if self._rows is not None and rows <= self.cache.room:  # else the cache says so
            self._rows[length : length + rows] = embeddings

    def renew(
        self,
        change: WindowChange,
        prefix_rows: int,
        previous_ids: Sequence[int],
        suffix_ids: Sequence[int],
    ) -> None:
        """Remove forgotten units and compute everything behind the prefix anew in one forward.

        previous_ids: the carried-over text after the change.
        """
        assert self._rows is not None, 'made without keeps_rows'
        kept_from = change.first_row(prefix_rows, len(suffix_ids)) + change.removed_rows
        kept = self._rows[kept_from : self.cache.length].clone()
        self.cache.truncate(prefix_rows)
        self.feed(torch.cat((self.embed([*previous_ids, *suffix_ids]), kept)))

    def release(self) -> None:
        """Give the memory back; the stream cannot be used any more."""
        self.cache.release()
        self._rows = None

    def apply(self, change: WindowChange, prefix_rows: int, suffix_ids: Sequence[int]) -> None:
        """Remove forgotten units from the cache and renew the carried-over text."""
        cache = self.cache
        start = change.first_row(prefix_rows, len(suffix_ids))
        if change.previous_ids is None:
            cache.evict(start, change.removed_rows)
            return
        renewed = [*change.previous_ids, *suffix_ids]
        kept_from, new_start = start + change.removed_rows, prefix_rows + len(renewed)
        kept = cache.length - kept_from
        cache.relocate(kept_from, cache.length, new_start)
        cache.truncate(prefix_rows)
        if renewed:
            # Without padding: it would overwrite the kept rows behind.
            self.forwards += 1
            self.model.extend(self.embed(renewed), cache)
        cache.length = new_start + kept
