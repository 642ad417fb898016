# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Noise of the vocoder's sound source, addressed by sample so that streams can be repeated."""

from __future__ import annotations

import math
from typing import Protocol

import torch

_MASK = 0xFFFFFFFF
UNIFORM_SALT = 4242
"""Salt of the fixed uniform noise of the causal vocoder."""


def hashed_uniform(index: torch.Tensor, salt: int) -> torch.Tensor:
    """Return reproducible values in [0, 1), float32, one per int64 index."""
    x = (index * 2654435761 + salt * 40503 + 1013904223) & _MASK
    x = ((x ^ (x >> 16)) * 2246822519) & _MASK
    x = ((x ^ (x >> 13)) * 3266489917) & _MASK
    x = x ^ (x >> 16)
    return (x.double() / 2.0**32).float()


def uniform_noise(first: torch.Tensor, count: int, channels: int) -> torch.Tensor:
    """Return the fixed noise in [0, 1) of samples first, first + 1, ..., [count, channels].

    first: int64 [1]; the noise is made on its device.
    """
    index = first * channels + torch.arange(count * channels, device=first.device)
    return hashed_uniform(index, UNIFORM_SALT).view(count, channels)


class SourceNoise(Protocol):
    """Where the original vocoder takes its noise from."""

    def draw(self, count: int, channels: int, device: torch.device) -> torch.Tensor:
        """Return values of unit variance and zero mean, float32 [count, channels]."""

    def reset(self) -> None:
        """Begin the sequence anew."""


class GaussianNoise:
    """Normal noise from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._generator: torch.Generator | None = None

    def draw(self, count: int, channels: int, device: torch.device) -> torch.Tensor:
        """Return normal values, float32 [count, channels]."""
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device=device).manual_seed(self._seed)
        return torch.randn(count, channels, generator=self._generator, device=device)

    def reset(self) -> None:
        """Begin the sequence anew."""
        self._generator = None


class NoNoise:
    """Silence instead of noise."""

    def draw(self, count: int, channels: int, device: torch.device) -> torch.Tensor:
        """Return zeros, float32 [count, channels]."""
        return torch.zeros(count, channels, device=device)

    def reset(self) -> None:
        """Do nothing."""


class HashedNoise:
    """Uniform noise of unit variance that is the same everywhere; counts from sample 0."""

    def __init__(self, salt: int) -> None:
        self.salt = salt

    def draw(self, count: int, channels: int, device: torch.device) -> torch.Tensor:
        """Return the same values in every call, float32 [count, channels]."""
        index = torch.arange(count * channels, device=device)
        return ((hashed_uniform(index, self.salt) - 0.5) * math.sqrt(12.0)).view(count, channels)

    def reset(self) -> None:
        """Do nothing."""
