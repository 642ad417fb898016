# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The four ways in which chat speech keeps the decoder's context bounded, or lets it grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

from minicpmo.rotary import rotate, rotation
from minicpmo.speech.backbone import SpeechCache
from minicpmo.speech.decoder import SpeechDecoder


@dataclass
class ChatChunk:
    """One chunk of a reply: its condition rows [n, width] and the codes drawn for it."""

    condition: torch.Tensor
    codes: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return the rows of context the chunk takes."""
        return len(self.condition) + len(self.codes)


class ChatContext(Protocol):
    """Decides what of the context a forward sees."""

    def begin(self, condition: torch.Tensor, chunks: list[ChatChunk]) -> torch.Tensor:
        """Prepare the cache for a chunk and return the rows [n, width] to feed first.

        chunks: the complete ones before it, oldest first.
        """

    def first_row(self) -> int:
        """Return the first cached row that the next forward attends to."""


class FullAttention:
    """Everything since the reply began is seen."""

    def __init__(self, decoder: SpeechDecoder, cache: SpeechCache) -> None:
        self._decoder, self._cache = decoder, cache

    def begin(self, condition: torch.Tensor, chunks: list[ChatChunk]) -> torch.Tensor:
        """Return the condition; the cache stays as it is."""
        return condition

    def first_row(self) -> int:
        """Return 0."""
        return 0


class SlidingWindow(FullAttention):
    """The last rows are seen, 300 by default; positions go on counting."""

    @property
    def window(self) -> int:
        """Return how many cached rows a forward attends to."""
        return self._decoder.config.streaming_sliding_window_audio_window_size

    def first_row(self) -> int:
        """Return the first row of the window; rows before it are dropped when space runs out."""
        cache = self._cache
        if cache.length > max(self.window, cache.capacity // 2):
            device = cache.keys.device
            cache.keep(torch.arange(cache.length - self.window, cache.length, device=device))
        return max(cache.length - self.window, 0)


class SlidingRecompute(FullAttention):
    """The previous chunk is computed anew from position 0 together with the current one."""

    def begin(self, condition: torch.Tensor, chunks: list[ChatChunk]) -> torch.Tensor:
        """Empty the cache and return the previous chunk's rows and the condition."""
        if not chunks:
            return condition
        self._cache.reset()
        previous = chunks[-1]
        return torch.cat((previous.condition, self._decoder.code_rows(previous.codes), condition))


class Reindex(FullAttention):
    """The first and the previous chunk are seen; the latter's keys move up behind the first.

    The rows keep their distances: all are rotated by one angle per frequency. (The official code
    adds each row's index to the rotation, which pulls the rows of the chunk apart.)
    """

    def begin(self, condition: torch.Tensor, chunks: list[ChatChunk]) -> torch.Tensor:
        """Drop the chunks in between and return the condition."""
        if len(chunks) >= 2:
            self._drop_middle(chunks[0].rows, chunks[-1].rows)
        return condition

    def _drop_middle(self, first: int, last: int) -> None:
        cache = self._cache
        moved_by = first + last - cache.length
        if moved_by >= 0:
            return
        row = torch.arange(cache.length, device=cache.keys.device)
        cache.keep(torch.cat((row[:first], row[-last:])))
        config, shift = self._decoder.config, torch.tensor([moved_by], device=row.device)
        cos, sin = rotation(shift, config.head_dim, config.rope_theta, cache.keys.dtype)
        kept = cache.keys[:, :, first : first + last]
        cache.keys[:, :, first : first + last] = rotate(kept, cos, sin)
        cache.position = cache.length


CONTEXTS = {
    'full_attention': FullAttention,
    'sliding_window': SlidingWindow,
    'sliding_recompute': SlidingRecompute,
    'reindex': Reindex,
}
"""By the value of ``tts_config.attention_type``."""
