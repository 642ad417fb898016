# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Short-time spectrum of the vocoders' source and its inverse."""

from __future__ import annotations

import math
from typing import Optional

import torch
from torch.nn import functional as F

MAX_MAGNITUDE = 100.0


class Spectrum:
    """Forward and inverse transform with a periodic Hann window.

    Both are products with a small matrix: at 16 samples this is as fast as a fast transform, and
    unlike ``torch.istft``, which reads a check on the host, it can run in a CUDA graph.
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        assert n_fft % hop == 0, (n_fft, hop)
        self.n_fft, self.hop = n_fft, hop
        self._on_device: Optional[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = None

    @property
    def bins(self) -> int:
        """Return the frequencies of one column."""
        return self.n_fft // 2 + 1

    def _constants(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return analysis [n_fft, 2 * bins], synthesis [2 * bins, n_fft], window^2 [n_fft]."""
        if self._on_device is None or self._on_device[0].device != device:
            constants = _matrices(self.n_fft)
            self._on_device = tuple(value.to(device, torch.float32) for value in constants)
        return self._on_device

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Return real and imaginary parts [1, 2 * bins, columns] of samples [n]."""
        analysis, _, _ = self._constants(samples.device)
        edge = self.n_fft // 2
        padded = F.pad(samples[None], (edge, edge), mode='reflect')[0]
        return (padded.unfold(0, self.n_fft, self.hop) @ analysis).T[None]

    def inverse(self, columns: torch.Tensor) -> torch.Tensor:
        """Return samples [n] for log magnitudes and phases [1, 2 * bins, columns]."""
        _, synthesis, squared = self._constants(columns.device)
        magnitude = columns[0, : self.bins].exp().clip(max=MAX_MAGNITUDE)
        phase = columns[0, self.bins :].sin()
        spectrum = torch.cat((magnitude * phase.cos(), magnitude * phase.sin()))
        frames = spectrum.T @ synthesis
        weight = squared.expand_as(frames)
        edge = self.n_fft // 2
        return (self._overlapped(frames) / self._overlapped(weight))[edge:-edge]

    def _overlapped(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the sum [n] of frames [columns, n_fft] that begin every ``hop`` samples."""
        count = self.n_fft // self.hop
        blocks = frames.unflatten(1, (count, self.hop))
        shifted = [F.pad(blocks[:, k], (0, 0, k, count - 1 - k)) for k in range(count)]
        # At both ends fewer frames overlap; the weights are never zero inside the edges.
        return sum(shifted).flatten()


def _matrices(n_fft: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return analysis and synthesis with the window inside, and its square, float64."""
    window = torch.hann_window(n_fft, periodic=True, dtype=torch.float64)
    bins, sample = torch.arange(n_fft // 2 + 1), torch.arange(n_fft)
    angle = 2 * math.pi * sample[:, None].double() * bins / n_fft
    analysis = torch.cat((angle.cos(), -angle.sin()), dim=1) * window[:, None]
    # Every frequency but the first and the last stands for its mirror image, too.
    share = torch.full((len(bins),), 2.0, dtype=torch.float64)
    share[0] = share[-1] = 1.0
    synthesis = torch.cat((share * angle.cos(), -share * angle.sin()), dim=1).T / n_fft * window
    return analysis, synthesis, window * window
