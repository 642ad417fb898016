# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel features of a stream, in numpy."""

from __future__ import annotations

import functools

import numpy as np

SAMPLE_RATE = 16000
WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
TRANSFORM = 512
BANDS = 40
LOWEST, HIGHEST = 60.0, 7600.0  # [Hz]
FLOOR = 1e-7


@functools.lru_cache(maxsize=1)
def mel_filters() -> np.ndarray:
    """Return triangular filters as float32 [257, 40]."""
    points = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    edges = 700.0 * (np.exp(points / 1127.0) - 1.0)
    bins = np.fft.rfftfreq(TRANSFORM, 1.0 / SAMPLE_RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def _mel(frequency: float) -> float:
    return 1127.0 * np.log(1.0 + frequency / 700.0)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Return float32 [frames, 40] of float32 samples [n] in [-1, 1]; frame k begins at k * 160."""
    if samples.size < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), TRANSFORM)
    power = np.square(np.abs(spectrum)).astype(np.float32)
    return np.log(power @ mel_filters() + FLOOR).astype(np.float32)


class LogMelStream:
    """The same features, block by block; splitting the input differently changes nothing."""

    def __init__(self) -> None:
        self.reset()

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return the frames that become complete, float32 [frames, 40]."""
        joined = np.concatenate([self._rest, samples])
        frames = log_mel(joined)
        self._rest = joined[len(frames) * HOP :]
        return frames

    def reset(self) -> None:
        """Begin a new stream."""
        self._rest = np.zeros(0, np.float32)
