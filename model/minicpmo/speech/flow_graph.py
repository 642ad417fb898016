# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The diffusion steps of one stream of sound with fixed shapes.

A call in the middle of a turn has 50 frames and runs exactly; other calls are padded to the
longest. Padding frames write to a place of the attention cache that no mask ever shows, and the
convolutions, which look back, keep what precedes the padding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from minicpmo.graph.captured_step import GraphPool, Step
from minicpmo.speech.token2wav_config import FULL_CALL_FRAMES

FRAME_SIZES = (FULL_CALL_FRAMES, 56)
"""Frames of a call: those of a full second, and the most there are."""

Advance = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(x [n, mel], condition [2, n, width], slots [n], mask [1, capacity], tail [2]) -> moved x."""


class FlowGraphs:
    """Captured diffusion steps on the caches of one stream.

    steps: by stride, the steps that are taken with it.
    hidden_place: index of the place in the attention cache that is never valid.
    """

    def __init__(
        self,
        steps: Mapping[int, Sequence[Advance]],
        like: tuple[Tensor, Tensor],
        hidden_place: int,
        pool: GraphPool,
    ) -> None:
        frames, condition = like
        longest, device = FRAME_SIZES[-1], frames.device
        self._hidden_place = hidden_place
        # Written by calls inside and outside inference mode.
        with torch.inference_mode(False):
            self._x = frames.new_zeros(longest, frames.shape[-1])
            self._condition = condition.new_zeros(2, longest, condition.shape[-1])
            self._slots = torch.full((longest,), hidden_place, dtype=torch.int64, device=device)
            self._mask = torch.zeros(1, hidden_place + 1, dtype=torch.bool, device=device)
            self._tail = torch.zeros(2, dtype=torch.int64, device=device)
        self._mask[:, :1] = True  # a row that sees nothing would not be finite
        self._steps: dict[tuple[int, int], list[Step]] = {
            (size, stride): [pool.capture(partial(self._run, step, size)) for step in taken]
            for size in FRAME_SIZES
            for stride, taken in steps.items()
        }

    def integrate(
        self, x: Tensor, condition: Tensor, slots: list[int], used: list[int], stride: int
    ) -> Tensor:
        """Return the frames [n, mel] that the flow leads to.

        x: [n, mel], the noise. condition: [2, n, width]. slots: places of the new frames. used:
        all valid places, the new ones included. stride: see :class:`FlowState`.
        """
        count = x.shape[0]
        size = next(size for size in FRAME_SIZES if size >= count)
        self._x[:count].copy_(x)
        self._condition[:, :count].copy_(condition)
        hidden = [self._hidden_place] * (size - count)
        self._slots[:size].copy_(torch.tensor(slots + hidden))
        valid = torch.zeros(1, self._mask.shape[1], dtype=torch.bool)
        valid[0, used] = True
        self._mask.copy_(valid)
        self._tail.copy_(torch.tensor((count, count + 1)))
        for step in self._steps[size, stride]:
            step()
        return self._x[:count].clone()

    def _run(self, advance: Advance, size: int) -> None:
        x, condition, slots = self._x[:size], self._condition[:, :size], self._slots[:size]
        x.copy_(advance(x, condition, slots, self._mask, self._tail))
