# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel of training windows: the engine's filters, with a floor drawn at random."""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

import torch
from torch import Tensor

from minicpmo.mel import FFT_SIZE, HOP, slaney_filterbank

_FILTERS = torch.from_numpy(slaney_filterbank(80)).float()
_WINDOW = torch.hann_window(FFT_SIZE)
_WARPS = torch.linspace(-0.16, 0.16, 17).exp()  # of the frequency axis


def _warped(factor: float) -> Tensor:
    """Return the filters of a listener to whom all frequencies are ``factor`` times as high."""
    bins = _FILTERS.shape[1]
    places = (torch.arange(bins) * factor).clamp(max=bins - 1)
    below = places.floor().long()
    above = (below + 1).clamp(max=bins - 1)
    share = places - below
    return factor * (_FILTERS[:, below] * (1 - share) + _FILTERS[:, above] * share)


_WARPED = torch.stack([_warped(float(factor)) for factor in _WARPS])


def draw_filters(batch: int, device: torch.device | str = 'cpu') -> Tensor:
    """Return mel filters [batch, 80, bins], half of them warped at random.

    A shorter or longer vocal tract moves all formants; a warped frequency axis does the same
    (Jaitly and Hinton 2013, vocal tract length perturbation).
    """
    chosen = torch.randint(len(_WARPS), (batch,), device=device)
    plain = torch.full((batch,), len(_WARPS) // 2, device=device)
    drawn = torch.where(torch.rand(batch, device=device) < 0.5, chosen, plain)
    return _on(str(device))[1][drawn]


@lru_cache
def _on(device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the filters, all warped ones and the window there; copied once."""
    return _FILTERS.to(device), _WARPED.to(device), _WINDOW.to(device)


def log_mel(audio: Tensor, filters: Optional[Tensor] = None) -> Tensor:
    """Return log10 of the mel power, [batch, 80, (samples - 400) // 160 + 1], without floor.

    filters: [80, bins] for all, or [batch, 80, bins]; the engine's by default.
    """
    plain, _, window = _on(str(audio.device))
    spectrum = torch.stft(audio, FFT_SIZE, HOP, window=window, center=False, return_complex=True)
    power = spectrum.abs().square()
    mel = torch.matmul(plain if filters is None else filters.to(audio.device), power)
    return mel.clamp_min(1e-10).log10()


def with_floor(log_mel: Tensor, floor: Tensor) -> Tensor:
    """Return the encoder's input: floored and scaled; ``floor`` broadcasts over the frames."""
    return (torch.maximum(log_mel, floor) + 4) / 4
