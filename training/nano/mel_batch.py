# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel of training windows: the engine's filters, with a floor drawn at random."""

from __future__ import annotations

import torch
from torch import Tensor

from minicpmo.mel import FFT_SIZE, HOP, slaney_filterbank

_FILTERS = torch.from_numpy(slaney_filterbank(80)).float()
_WINDOW = torch.hann_window(FFT_SIZE)


def log_mel(audio: Tensor) -> Tensor:
    """Return log10 of the mel power, [batch, 80, (samples - 400) // 160 + 1], without floor."""
    window = _WINDOW.to(audio.device)
    spectrum = torch.stft(audio, FFT_SIZE, HOP, window=window, center=False, return_complex=True)
    power = spectrum.abs().square()
    mel = torch.matmul(_FILTERS.to(audio.device), power)
    return mel.clamp_min(1e-10).log10()


def with_floor(log_mel: Tensor, floor: Tensor) -> Tensor:
    """Return the encoder's input: floored and scaled; ``floor`` broadcasts over the frames."""
    return (torch.maximum(log_mel, floor) + 4) / 4
