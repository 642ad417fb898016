# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixed-size key/value cache of one conversation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from minicpmo.errors import ContextOverflowError, InputError
from minicpmo.rotary import rotate, rotation


@dataclass
class KeyValueCache:
    """Rotated keys and values of all layers; rows ``0 .. length - 1`` are valid.

    keys, values: [layers, kv_heads, capacity, head_dim], allocated once.
    theta: base of the rotary embedding, needed to move keys to other positions.

    A key is stored rotated to its own row number, so row number and position are the same thing
    and a moved row must be rotated by the distance it moved.
    """

    keys: Tensor
    values: Tensor
    theta: float
    length: int = 0

    @classmethod
    def allocate(
        cls,
        layers: int,
        kv_heads: int,
        head_dim: int,
        capacity: int,
        theta: float,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = 'cpu',
    ) -> KeyValueCache:
        """Return an empty cache with room for ``capacity`` tokens."""
        shape = (layers, kv_heads, capacity, head_dim)
        return cls(
            torch.zeros(shape, dtype=dtype, device=device),
            torch.zeros(shape, dtype=dtype, device=device),
            theta,
        )

    @property
    def capacity(self) -> int:
        """Return the largest number of tokens the cache can hold."""
        return self.keys.shape[2]

    @property
    def room(self) -> int:
        """Return how many more tokens fit."""
        return self.capacity - self.length

    @property
    def nbytes(self) -> int:
        """Return the memory held [bytes]; constant for the whole life."""
        return self.keys.nbytes + self.values.nbytes

    def require(self, tokens: int) -> None:
        """Raise ContextOverflowError unless ``tokens`` more tokens fit."""
        if tokens > self.room:
            raise ContextOverflowError(
                f'{tokens} tokens do not fit: {self.length} of {self.capacity} are used;'
                ' use a context window, a larger context_tokens, or reset the session'
            )

    def reset(self) -> None:
        """Forget everything; the memory stays."""
        self.length = 0

    def release(self) -> None:
        """Give the memory back; the cache cannot be used any more."""
        self.length = 0
        self.keys, self.values = self.keys[:, :, :0].clone(), self.values[:, :, :0].clone()

    def truncate(self, length: int) -> None:
        """Forget every row from ``length`` on."""
        if not 0 <= length <= self.length:
            raise InputError(f'cannot truncate {self.length} rows to {length}')
        self.length = length

    def evict(self, start: int, count: int) -> None:
        """Remove rows ``start .. start + count - 1`` and close the gap."""
        if count < 0 or start < 0 or start + count > self.length:
            raise InputError(f'cannot evict rows {start}..{start + count} of {self.length}')
        if count == 0:
            return
        self.relocate(start + count, self.length, start)
        self.length -= count

    def relocate(self, start: int, end: int, destination: int) -> None:
        """Copy rows ``start .. end - 1`` to ``destination`` and rotate their keys accordingly.

        One float32 rotation by the difference, layer by layer, so the extra memory is one layer.
        Does not change ``length``.
        """
        count, shift = end - start, destination - start
        assert count >= 0 and 0 <= destination and destination + count <= self.capacity
        if count == 0 or shift == 0:
            return
        position = torch.tensor(shift, device=self.keys.device)
        cosine, sine = rotation(position, self.keys.shape[-1], self.theta)
        for keys, values in zip(self.keys, self.values, strict=True):
            moved = rotate(keys[:, start:end].float(), cosine, sine).to(keys.dtype)
            keys[:, destination : destination + count] = moved
            values[:, destination : destination + count] = values[:, start:end].clone()
