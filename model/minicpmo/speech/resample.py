# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Band-limited resampling of whole clips."""

from __future__ import annotations

import functools
import math

import torch
from torch.nn import functional as F

from minicpmo.errors import InputError

ZERO_CROSSINGS = 6
ROLLOFF = 0.99
MIN_RATE, MAX_RATE = 8000, 192000


def resampled(samples: torch.Tensor, rate: int, target: int) -> torch.Tensor:
    """Return the clip [n] at ``target`` Hz, float32 [ceil(n * target / rate)].

    A sinc of six zero crossings under a Hann window, 1 % below the Nyquist frequency of the lower
    rate.

    Raises:
        InputError: a rate outside 8 to 192 kHz.
    """
    for value in (rate, target):
        if not MIN_RATE <= value <= MAX_RATE:
            raise InputError(f'sample rate {value} Hz given, {MIN_RATE} to {MAX_RATE} can be used')
    if rate == target:
        return samples
    divisor = math.gcd(rate, target)
    step, phases = rate // divisor, target // divisor
    kernel = _kernel(step, phases).to(samples.device)
    width = (kernel.shape[-1] - step) // 2
    padded = F.pad(samples, (width, width + step))
    rows = F.conv1d(padded[None, None], kernel, stride=step)
    return rows[0].T.reshape(-1)[: math.ceil(phases * samples.numel() / step)]


@functools.lru_cache(maxsize=8)
def _kernel(step: int, phases: int) -> torch.Tensor:
    """Return one filter per output phase, [phases, 1, taps]."""
    base = min(step, phases) * ROLLOFF
    width = math.ceil(ZERO_CROSSINGS * step / base)
    tap = torch.arange(-width, width + step, dtype=torch.float64) / step
    phase = torch.arange(0, -phases, -1, dtype=torch.float64) / phases
    time = ((phase[:, None] + tap) * base).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(time * math.pi / ZERO_CROSSINGS / 2) ** 2
    return (torch.sinc(time) * window * (base / step)).float()[:, None]
