# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Vision tower and resampler with the engine's parameter names, for batches of equal pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.config import ModelConfig, VisionConfig


class _Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        for name in ('q_proj', 'k_proj', 'v_proj', 'out_proj'):
            setattr(self, name, nn.Linear(size, size))

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        query, key, value = [
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2).flatten(0, 1)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        ]
        scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))
        out = torch.bmm(scores.softmax(-1), value).unflatten(0, (batch, self.heads))
        return self.out_proj(out.transpose(1, 2).flatten(2))


class _Layer(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_norm1 = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.self_attn = _Attention(config)
        self.layer_norm2 = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.mlp = nn.ModuleDict(
            {
                'fc1': nn.Linear(size, config.intermediate_size),
                'fc2': nn.Linear(config.intermediate_size, size),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        inner = F.gelu(self.mlp['fc1'](self.layer_norm2(x)), approximate='tanh')
        return x + self.mlp['fc2'](inner)


class VisionTower(nn.Module):
    def __init__(self, config: VisionConfig, layers: int) -> None:
        super().__init__()
        size, patch = config.hidden_size, config.patch_size
        self.side = config.patches_per_side
        self.patch = patch
        self.embeddings = nn.ModuleDict(
            {
                'patch_embedding': nn.Conv2d(3, size, patch, stride=patch),
                'position_embedding': nn.Embedding(self.side**2, size),
            }
        )
        self.encoder = nn.ModuleDict(
            {'layers': nn.ModuleList(_Layer(config) for _ in range(layers))}
        )
        self.post_layernorm = nn.LayerNorm(size, eps=config.layer_norm_eps)

    def forward(self, images: Tensor) -> Tensor:
        """Images [batch, 3, height, width] in -1..1 -> [batch, patches, size]."""
        rows, columns = images.shape[-2] // self.patch, images.shape[-1] // self.patch
        x = self.embeddings['patch_embedding'](images).flatten(2).transpose(1, 2)
        x = x + self.embeddings['position_embedding'](self.positions(rows, columns))
        for layer in self.encoder['layers']:
            x = layer(x)
        return self.post_layernorm(x)

    def positions(self, rows: int, columns: int) -> Tensor:
        down, across = (
            torch.bucketize(
                torch.arange(0, 1 - 1e-6, 1 / n),
                torch.arange(1 / self.side, 1, 1 / self.side),
                right=True,
            )
            for n in (rows, columns)
        )
        return (down[:, None] * self.side + across).flatten()


def sincos_table(size: int, rows: int, columns: int) -> Tensor:
    """Return [rows * columns, size]: first half encodes the column, second the row."""
    grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    omega = 1 / 10000 ** (np.arange(size // 4, dtype=np.float32) / (size / 4))
    halves = []
    for axis in grid:
        angle = np.outer(axis.reshape(-1), omega)
        halves += [np.sin(angle), np.cos(angle)]
    return torch.from_numpy(np.concatenate(halves, axis=1).astype(np.float32))


class Resampler(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.llm.hidden_size
        self.query = nn.Parameter(torch.randn(config.query_num, size) * 0.5)
        self.kv_proj = nn.Linear(config.vision.hidden_size, size, bias=False)
        self.attn = nn.MultiheadAttention(size, config.resampler_heads, batch_first=True)
        self.ln_q, self.ln_kv, self.ln_post = (nn.LayerNorm(size, eps=1e-6) for _ in range(3))
        self.proj = nn.Parameter(torch.randn(size, size) * size**-0.5)

    def forward(self, x: Tensor, rows: int, columns: int) -> Tensor:
        """[batch, rows * columns, vision size] -> [batch, queries, size]."""
        value = self.ln_kv(self.kv_proj(x))
        key = value + sincos_table(value.shape[-1], rows, columns).to(value)
        query = self.ln_q(self.query)[None].expand(len(x), -1, -1)
        out = self.attn(query, key, value, need_weights=False)[0]
        return self.ln_post(out) @ self.proj
