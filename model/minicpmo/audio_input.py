# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks of audio arrays before they reach the model; nothing is changed when one is refused."""

from __future__ import annotations

import numpy as np

from minicpmo.errors import InputError
from minicpmo.protocol import INPUT_SAMPLE_RATE, UNIT_SECONDS

UNIT_SAMPLES = int(INPUT_SAMPLE_RATE * UNIT_SECONDS)
SHORTEST_CLIP = 1281
"""Anything shorter is less than one embedding row (9 mel frames)."""


def require_unit_audio(samples: object) -> np.ndarray:
    """Return ``samples`` if it is one second of mono sound: float32 [16000], finite.

    Raises:
        InputError: naming what is wrong and how to repair it.
    """
    audio = require_samples(samples)
    if audio.shape[0] != UNIT_SAMPLES:
        raise InputError(
            f'audio of one unit has {audio.shape[0]} samples; send exactly {UNIT_SAMPLES} '
            f'({UNIT_SECONDS:g} s at {INPUT_SAMPLE_RATE} Hz), padded with zeros if need be'
        )
    return audio


def require_clip(samples: object, sample_rate: int = INPUT_SAMPLE_RATE) -> np.ndarray:
    """Return ``samples`` if it is a mono clip at 16 kHz: float32 [n], n >= 1281, finite.

    Args:
        samples: the clip.
        sample_rate: the rate the caller knows it to have [Hz]; an array does not tell.

    Raises:
        InputError: naming what is wrong and how to repair it.
    """
    if sample_rate != INPUT_SAMPLE_RATE:
        raise InputError(
            f'audio has a rate of {sample_rate} Hz; resample it to {INPUT_SAMPLE_RATE} Hz'
        )
    audio = require_samples(samples)
    if audio.shape[0] < SHORTEST_CLIP:
        raise InputError(
            f'audio has {audio.shape[0]} samples; a clip needs at least {SHORTEST_CLIP} (80 ms)'
        )
    return audio


def require_samples(samples: object) -> np.ndarray:
    """Return ``samples`` if it is a float32 vector of finite numbers; raise InputError."""
    if not isinstance(samples, np.ndarray):
        raise InputError(f'audio is a {type(samples).__name__}; pass a numpy array')
    if samples.dtype == np.int16:
        raise InputError('audio is int16; convert it: samples.astype(np.float32) / 32768')
    if samples.dtype != np.float32:
        raise InputError(f'audio is {samples.dtype}; convert it to float32 in [-1, 1]')
    if samples.ndim != 1:
        raise InputError(f'audio has shape {samples.shape}; pass one channel, shape [samples]')
    if samples.size == 0:
        raise InputError('audio is empty; leave it out (None) or send zeros')
    if not np.isfinite(samples).all():
        count = int(np.count_nonzero(~np.isfinite(samples)))
        raise InputError(f'audio holds {count} NaN or infinite samples; check the source')
    return samples
