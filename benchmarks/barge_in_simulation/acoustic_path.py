# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the loudspeaker's samples to their echo at the microphone, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.nano.voice import SAMPLE_RATE

RESPONSE_SAMPLES = 3936  # 0.25 s; with a block of 160 it fills one transform of 4096
LONGEST_DELAY = SAMPLE_RATE
HARDEST_CLIP = 0.9


def room_response(random: np.random.Generator, decay: float, direct: float) -> np.ndarray:
    """Return float32 [3936] of energy 1: direct sound, then an exponential tail.

    :param decay: time in which the tail falls by 60 dB [s].
    :param direct: energy of the direct sound over that of the tail [dB]; less means farther.
    """
    time = np.arange(RESPONSE_SAMPLES) / SAMPLE_RATE
    tail = random.standard_normal(RESPONSE_SAMPLES) * 10 ** (-3 * time / decay)
    tail[: int(random.uniform(0.001, 0.004) * SAMPLE_RATE)] = 0.0
    tail *= 10 ** (-direct / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return (tail / np.sqrt(np.sum(tail**2))).astype(np.float32)


@dataclass(frozen=True)
class PathConfig:
    """How the loudspeaker sounds at the microphone.

    level: gain from rendered to microphone [dB]. delay: of device and air [s].
    drift: of the loudspeaker's clock against the microphone's [parts per million].
    clipping: how hard the loudspeaker saturates, 0 for a linear one.
    """

    level: float = 0.0
    delay: float = 0.06
    drift: float = 30.0
    clipping: float = 0.5


class EchoPath:
    """Saturation, room response, delay and drift of one loudspeaker."""

    def __init__(self, config: PathConfig, response: np.ndarray, block: int) -> None:
        self._config = config
        self._block = block
        self._size = 4096
        assert response.size + block <= self._size
        scaled = (response * 10 ** (config.level / 20)).astype(np.float32)
        self._spectrum = np.fft.rfft(scaled, self._size)  # single precision, for its speed
        self._tail = np.zeros(self._size, np.float32)
        self._line = np.zeros(LONGEST_DELAY * 2, np.float32)
        self._written = 0
        self._read = 0

    def process(self, rendered: np.ndarray) -> np.ndarray:
        """Take a block of the loudspeaker and return the echo in the microphone's same block."""
        self._store(self._convolve(_saturate(rendered, self._config.clipping)))
        count = self._block
        position = (self._read + np.arange(count)) * (1.0 + self._config.drift * 1e-6)
        place = position - self._config.delay * SAMPLE_RATE
        self._read += count
        return self._interpolate(place)

    def _convolve(self, block: np.ndarray) -> np.ndarray:
        product = np.fft.rfft(block, self._size) * self._spectrum
        self._tail += np.fft.irfft(product, self._size)
        ready = self._tail[: self._block].copy()
        self._tail[: -self._block] = self._tail[self._block :]
        self._tail[-self._block :] = 0.0
        return ready

    def _store(self, block: np.ndarray) -> None:
        place = self._written % self._line.size  # a multiple of the block: never wraps inside
        self._line[place : place + block.size] = block
        self._written += block.size

    def _interpolate(self, place: np.ndarray) -> np.ndarray:
        """Return the line at fractional positions by a cubic through four samples."""
        whole = np.floor(place).astype(int)
        part = (place - whole).astype(np.float32)
        a, b, c, d = (self._line[(whole + shift) % self._line.size] for shift in (-1, 0, 1, 2))
        slope = 0.5 * (c - a)
        curve = a - 2.5 * b + 2.0 * c - 0.5 * d
        twist = 0.5 * (d - a) + 1.5 * (b - c)
        result = ((twist * part + curve) * part + slope) * part + b
        return np.where(place < 0, np.float32(0.0), result).astype(np.float32)


def _saturate(block: np.ndarray, clipping: float) -> np.ndarray:
    """Return the block through a small loudspeaker that saturates, asymmetrically as they do."""
    if clipping <= 0.0:
        return block
    drive = 1.0 + 3.0 * clipping
    return (np.tanh(drive * block + 0.1 * clipping * block**2) / drive).astype(np.float32)
