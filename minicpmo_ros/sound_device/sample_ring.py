# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The last seconds of a sample stream."""

from __future__ import annotations

import numpy as np


class SampleRing:
    """Keeps the newest samples of a stream under their running number; never allocates.

    :param capacity: samples kept.
    """

    def __init__(self, capacity: int, dtype: type = np.float32) -> None:
        if capacity <= 0:
            raise ValueError(f'capacity must be positive, got {capacity!r}')
        self._buffer = np.zeros(capacity, dtype)
        self.end = 0

    @property
    def begin(self) -> int:
        """Return the number of the oldest sample still there."""
        return max(0, self.end - self._buffer.size)

    def append(self, samples: np.ndarray) -> None:
        """Add samples [n]; the oldest ones fall out."""
        self.end += samples.size
        samples = samples[-self._buffer.size :]
        place = (self.end - samples.size) % self._buffer.size
        head = min(samples.size, self._buffer.size - place)
        self._buffer[place : place + head] = samples[:head]
        self._buffer[: samples.size - head] = samples[head:]

    def read(self, begin: int, end: int) -> np.ndarray:
        """Return a copy of what is left of the samples begin .. end (end excluded)."""
        begin, end = max(begin, self.begin), min(end, self.end)
        if end <= begin:
            return np.zeros(0, self._buffer.dtype)
        return self._buffer.take(range(begin, end), mode='wrap')

    def drop_to(self, end: int) -> None:
        """Take back the samples from number ``end`` on, as if they had never come."""
        if not self.begin <= end <= self.end:
            raise ValueError(f'end must lie in {self.begin}..{self.end}, got {end!r}')
        self.end = end

    def reset(self) -> None:
        """Forget everything and count from zero again."""
        self._buffer[:] = 0
        self.end = 0
