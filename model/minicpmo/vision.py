# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SigLIP tower for pictures of any size (``vpm.*``)."""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from minicpmo.config import ModelConfig, VisionConfig
from minicpmo.image import PatchBatch, normalise

_RANGE_BLOCK = 8
"""Numbers that the recorded float32 ranges were filled with at a time."""


@lru_cache(maxsize=256)
def position_buckets(patches: int, table_side: int) -> tuple[int, ...]:
    """Return which row of a table of ``table_side`` each patch along one side uses.

    The fractions i / patches carry the rounding of the official code: a float32 step, and a
    float32 base every eight numbers. Where 25, 49, 50, ... patches meet a boundary exactly, this
    rounding decides, and the integer formula floor(i * side / patches) would differ.
    """
    index = np.arange(patches)
    step = np.float64(np.float32(1.0) / np.float32(patches))
    whole_blocks = index < patches - patches % _RANGE_BLOCK
    lane = np.where(whole_blocks, index % _RANGE_BLOCK, 0)
    base = (step * (index - lane)).astype(np.float32)
    fractions = (base + lane * step).astype(np.float32)
    boundaries = (np.arange(1, table_side) / table_side).astype(np.float32)
    return tuple(np.searchsorted(boundaries, fractions, side='right').tolist())


def position_ids(size: tuple[int, int], table_side: int) -> torch.Tensor:
    """Return the table rows of a slice of (rows, columns) patches, int64 [rows * columns]."""
    rows = torch.tensor(position_buckets(size[0], table_side))
    columns = torch.tensor(position_buckets(size[1], table_side))
    return (rows[:, None] * table_side + columns).flatten()


def attention_mask(
    sizes: tuple[tuple[int, int], ...], length: int, device: torch.device
) -> Optional[torch.Tensor]:
    """Return bool [slices, 1, 1, length], True where a patch is real; None if all are."""
    lengths = [rows * columns for rows, columns in sizes]
    if all(real == length for real in lengths):
        return None
    real = torch.arange(length, device=device) < torch.tensor(lengths, device=device)[:, None]
    return real[:, None, None]


class VisionEmbeddings(nn.Module):
    """Patch and position embedding."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.table_side = config.patches_per_side
        patch = config.patch_size
        self.patch_embedding = nn.Conv2d(3, config.hidden_size, patch, stride=patch)
        self.position_embedding = nn.Embedding(self.table_side**2, config.hidden_size)

    def forward(self, batch: PatchBatch) -> torch.Tensor:
        """Return [slices, longest, width]; what stands for padding has position 0."""
        weight = self.patch_embedding.weight
        strips = normalise(batch.strips.to(weight.device)).to(weight.dtype)
        # A convolution whose stride is its size is one product per patch.
        patches = strips.unflatten(-1, (-1, weight.shape[-1])).permute(0, 3, 1, 2, 4).flatten(2)
        x = F.linear(patches, weight.flatten(1), self.patch_embedding.bias)
        ids = torch.zeros(x.shape[:2], dtype=torch.int64)
        for row, size in zip(ids, batch.sizes, strict=True):
            row[: size[0] * size[1]] = position_ids(size, self.table_side)
        return x + self.position_embedding(ids.to(weight.device))


class VisionAttention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor]) -> torch.Tensor:
        """Return [slices, patches, width]; ``mask`` is True where a key may be seen."""
        query, key, value = (
            linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class VisionFeedForward(nn.Module):
    """Two linear layers with the tanh form of gelu."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the same shape."""
        return self.fc2(F.gelu(self.fc1(x), approximate='tanh'))


class VisionLayer(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.self_attn = VisionAttention(config)
        self.layer_norm1 = nn.LayerNorm(width, eps=eps)
        self.mlp = VisionFeedForward(config)
        self.layer_norm2 = nn.LayerNorm(width, eps=eps)

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor]) -> torch.Tensor:
        """Return [slices, patches, width]."""
        x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class VisionLayers(nn.Module):
    """The stored layers, named as in the checkpoint."""

    def __init__(self, config: VisionConfig, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(count))


class VisionTower(nn.Module):
    """Patches to features."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.vision is not None
        vision = config.vision
        self.batch_size = config.vision_batch_size
        self.embeddings = VisionEmbeddings(vision)
        self.encoder = VisionLayers(vision, config.vision_layers)
        self.post_layernorm = nn.LayerNorm(vision.hidden_size, eps=vision.layer_norm_eps)

    def forward(self, batch: PatchBatch) -> torch.Tensor:
        """Return features [slices, longest, width]; rows of padding carry no meaning."""
        parts = [self._encode(part) for part in batch.split(self.batch_size)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _encode(self, batch: PatchBatch) -> torch.Tensor:
        x = self.embeddings(batch)
        mask = attention_mask(batch.sizes, x.shape[1], x.device)
        for layer in self.encoder.layers:
            x = layer(x, mask)
        return self.post_layernorm(x)
