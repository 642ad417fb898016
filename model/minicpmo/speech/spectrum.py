# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Short-time spectrum of the vocoders' source and its inverse."""

from __future__ import annotations

from typing import Optional

import torch

MAX_MAGNITUDE = 100.0


class Spectrum:
    """Forward and inverse transform with a periodic Hann window."""

    def __init__(self, n_fft: int, hop: int) -> None:
        self.n_fft, self.hop = n_fft, hop
        self._window: Optional[torch.Tensor] = None

    @property
    def bins(self) -> int:
        """Return the frequencies of one column."""
        return self.n_fft // 2 + 1

    def _window_on(self, device: torch.device) -> torch.Tensor:
        if self._window is None or self._window.device != device:
            self._window = torch.hann_window(self.n_fft, periodic=True, device=device)
        return self._window

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Return real and imaginary parts [1, 2 * bins, columns] of samples [n]."""
        window = self._window_on(samples.device)
        spectrum = torch.stft(
            samples[None], self.n_fft, self.hop, window=window, return_complex=True
        )
        return torch.cat((spectrum.real, spectrum.imag), dim=1)

    def inverse(self, columns: torch.Tensor) -> torch.Tensor:
        """Return samples [n] for log magnitudes and phases [1, 2 * bins, columns]."""
        magnitude = columns[:, : self.bins].exp().clip(max=MAX_MAGNITUDE)
        phase = columns[:, self.bins :].sin()
        spectrum = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
        window = self._window_on(columns.device)
        return torch.istft(spectrum, self.n_fft, self.hop, window=window)[0]
