# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel of training audio, equal to what the engine's streaming front end computes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def slaney_filters(bands: int = 80, n_fft: int = 400, rate: int = 16000) -> Tensor:
    """Return float32 [n_fft // 2 + 1, bands], Slaney scale, area norm, 0..rate / 2."""

    def to_mel(f: float) -> float:
        return f * 3 / 200 if f < 1000 else 15 + 27 * math.log(f / 1000) / math.log(6.4)

    mels = torch.linspace(0, to_mel(rate / 2), bands + 2, dtype=torch.float64)
    hertz = torch.where(
        mels < 15, mels * 200 / 3, 1000 * torch.exp((mels - 15) * math.log(6.4) / 27)
    )
    bins = torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    rise = (bins[:, None] - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    fall = (hertz[2:] - bins[:, None]) / (hertz[2:] - hertz[1:-1])
    filters = torch.clamp(torch.minimum(rise, fall), min=0)
    return (filters * 2 / (hertz[2:] - hertz[:-2])).float()


_FILTERS = slaney_filters()
_WINDOW = torch.hann_window(400)


def log_mel(audio: Tensor) -> Tensor:
    """Return log10 of the mel power, [batch, 80, (samples - 400) // 160 + 1], without floor."""
    spectrum = torch.stft(
        audio, 400, 160, window=_WINDOW.to(audio.device), center=False, return_complex=True
    )
    power = spectrum.abs().square()
    mel = torch.matmul(_FILTERS.T.to(audio.device), power)
    return mel.clamp_min(1e-10).log10()


def with_floor(log_mel: Tensor, floor: Tensor) -> Tensor:
    """Return the encoder's input: floored and scaled; ``floor`` broadcasts over the frames."""
    return (torch.maximum(log_mel, floor) + 4) / 4
