# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Any number of patch features to a fixed number of embedding rows (``resampler.*``)."""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

from minicpmo.config import ModelConfig
from minicpmo.vision import attention_mask

LAYER_NORM_EPS = 1e-6


@lru_cache(maxsize=64)
def position_table(
    rows: int, columns: int, width: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Return sine and cosine positions [rows * columns, width].

    The first half of the channels encodes the column, the second the row; each half is sines
    followed by cosines. Computed in float32 as the official table, of any size.
    """
    quarter = width // 4
    omega = np.arange(quarter, dtype=np.float32) / np.float32(quarter)
    omega = np.float32(1.0) / np.float32(10000.0) ** omega

    def encode(count: int) -> np.ndarray:
        angle = np.arange(count, dtype=np.float32)[:, None] * omega
        return np.concatenate((np.sin(angle), np.cos(angle)), axis=-1)

    column = np.broadcast_to(encode(columns)[None], (rows, columns, width // 2))
    row = np.broadcast_to(encode(rows)[:, None], (rows, columns, width // 2))
    table = np.concatenate((column, row), axis=-1).reshape(rows * columns, width)
    # A tensor born in inference mode could not take part in training later.
    with torch.inference_mode(False):
        return torch.from_numpy(table).to(device, dtype)


class CrossAttention(nn.Module):
    """Multi-head attention of queries on other keys and values, stored as torch stores it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: Optional[torch.Tensor],
    ) -> torch.Tensor:
        """Return [batch, queries, width]; ``mask`` is True where a key may be seen."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = (
            F.linear(x, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Resampler(nn.Module):
    """Learned queries that read the features of one slice."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.vision is not None
        width, vision_width = config.llm.hidden_size, config.vision.hidden_size
        self.query = nn.Parameter(torch.empty(config.query_num, width))
        self.kv_proj = nn.Identity()
        if vision_width != width:
            self.kv_proj = nn.Linear(vision_width, width, bias=False)
        self.attn = CrossAttention(width, config.resampler_heads)
        self.ln_q = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.ln_kv = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.ln_post = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.proj = nn.Parameter(torch.empty(width, width))
        nn.init.trunc_normal_(self.query, std=0.02)
        nn.init.normal_(self.proj, std=width**-0.5)

    def forward(self, features: torch.Tensor, sizes: tuple[tuple[int, int], ...]) -> torch.Tensor:
        """Return embedding rows [slices, query_num, hidden].

        Args:
            features: [slices, longest, vision width], padded at the end.
            sizes: (rows, columns) of every slice [patches].
        """
        longest = max(rows * columns for rows, columns in sizes)
        value = self.ln_kv(self.kv_proj(features[:, :longest]))
        key = value + self._positions(sizes, value)
        query = self.ln_q(self.query).expand(len(sizes), -1, -1)
        mask = attention_mask(sizes, longest, value.device)
        mixed = self.attn(query, key, value, mask)
        return self.ln_post(mixed) @ self.proj

    def _positions(self, sizes: tuple[tuple[int, int], ...], like: torch.Tensor) -> torch.Tensor:
        """Return the positions of all slices, padded with zeros as ``like`` is."""
        tables = [position_table(*size, like.shape[-1], like.device, like.dtype) for size in sizes]
        return torch.stack([F.pad(t, (0, 0, 0, like.shape[1] - t.shape[0])) for t in tables])
