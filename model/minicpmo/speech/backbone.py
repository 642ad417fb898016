# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Llama layers of the speech-token decoder with a key/value cache of fixed size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.attention import additive
from minicpmo.config import SpeechConfig
from minicpmo.llm import FeedForward, RMSNorm
from minicpmo.rotary import rotate, rotation


@dataclass
class SpeechCache:
    """Rotated keys and values of one stream, [layers, kv heads, capacity, head dim].

    length: rows in use. position: rotary position of the next row; larger than ``length`` once
    rows have been dropped in the sliding window mode.
    """

    keys: torch.Tensor
    values: torch.Tensor
    length: int = 0
    position: int = 0

    @property
    def capacity(self) -> int:
        """Return how many rows fit."""
        return self.keys.shape[2]

    def reset(self) -> None:
        """Forget all rows; the memory is kept."""
        self.length = 0
        self.position = 0

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only ``rows`` (int64, ascending) in this order; positions are unchanged."""
        count = rows.numel()
        self.keys[:, :, :count] = self.keys[:, :, rows]
        self.values[:, :, :count] = self.values[:, :, rows]
        self.length = count


@dataclass(frozen=True)
class Step:
    """Where the rows of one forward go; computed once outside the layers.

    cos, sin: [rows, head dim]. slots: cache rows written, [rows]. first, last: the cache rows
    attended to are [first, last). mask: [rows, last - first], 0 where allowed and minus infinity
    elsewhere, or None.
    """

    cos: torch.Tensor
    sin: torch.Tensor
    slots: torch.Tensor
    first: int
    last: int
    mask: Optional[torch.Tensor]


class Attention(nn.Module):
    """Causal self-attention that writes to and reads from one layer of the cache."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.kv_heads = config.num_key_value_heads
        self.head_dim = config.hidden_size // self.heads
        width, kv_width = config.hidden_size, self.kv_heads * self.head_dim
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kv_width, bias=False)
        self.v_proj = nn.Linear(width, kv_width, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def _split(self, x: torch.Tensor, heads: int) -> torch.Tensor:
        return x.view(x.shape[0], heads, self.head_dim).transpose(0, 1)

    def forward(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, step: Step
    ) -> torch.Tensor:
        """Return the attended rows [rows, width]; keys, values: this layer's cache."""
        query = rotate(self._split(self.q_proj(x), self.heads), step.cos, step.sin)
        key = rotate(self._split(self.k_proj(x), self.kv_heads), step.cos, step.sin)
        keys.index_copy_(1, step.slots, key)
        values.index_copy_(1, step.slots, self._split(self.v_proj(x), self.kv_heads))
        out = F.scaled_dot_product_attention(
            query[None],
            keys[None, :, step.first : step.last],
            values[None, :, step.first : step.last],
            attn_mask=step.mask,
            enable_gqa=self.heads != self.kv_heads,
        )
        return self.o_proj(out[0].transpose(0, 1).reshape(x.shape))


class Layer(nn.Module):
    """One pre-norm Llama layer."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, step: Step
    ) -> torch.Tensor:
        """Return the rows after attention and feed-forward."""
        x = x + self.self_attn(self.input_layernorm(x), keys, values, step)
        return x + self.mlp(self.post_attention_layernorm(x))


class Backbone(nn.Module):
    """The stack ``tts.model``; its token table is part of the checkpoint but never read."""

    def __init__(self, config: SpeechConfig, table_rows: int) -> None:
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.embed_tokens = nn.Embedding(table_rows, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def new_cache(self, capacity: int) -> SpeechCache:
        """Return an empty cache for ``capacity`` rows on the device of the weights."""
        weight = self.norm.weight
        shape = (len(self.layers), self.config.num_key_value_heads, capacity, self.head_dim)
        # Written in place by calls inside and outside inference mode.
        with torch.inference_mode(False):
            zeros = torch.zeros(shape, dtype=weight.dtype, device=weight.device)
            return SpeechCache(zeros, zeros.clone())

    def plan(self, cache: SpeechCache, count: int, first: int = 0, span: int = 0) -> Step:
        """Return where ``count`` further rows go; they see the cache from row ``first`` on.

        span: attend to the cache up to this row at least, masked; makes steps of equal shape.
        """
        weight = self.norm.weight
        offset = torch.arange(count, device=weight.device)
        positions = cache.position + offset
        cos, sin = rotation(positions, self.head_dim, self.config.rope_theta, weight.dtype)
        last = max(cache.length + count, span)
        mask = None
        if count > 1 or span:
            column = torch.arange(first, last, device=weight.device)
            mask = additive(column[None] <= (cache.length + offset)[:, None], weight.dtype)
        return Step(cos, sin, cache.length + offset, first, last, mask)

    def step_at(self, position: torch.Tensor, count: int, visible: int) -> Step:
        """Return where ``count`` rows go behind the ``position`` int64 [1] rows of a cache.

        They see the first ``visible`` rows, masked. Shapes depend on ``count`` and ``visible``
        alone, and nothing is read from the device.
        """
        weight = self.norm.weight
        slots = position + torch.arange(count, device=weight.device)
        cos, sin = rotation(slots, self.head_dim, self.config.rope_theta, weight.dtype)
        seen = torch.arange(visible, device=weight.device) <= slots[:, None]
        mask = additive(seen, weight.dtype)
        return Step(cos, sin, slots, 0, visible, mask)

    def forward(self, rows: torch.Tensor, cache: SpeechCache, step: Step) -> torch.Tensor:
        """Append ``rows`` [n, width] to the cache and return their normed hidden states."""
        rows = self.run_layers(rows, cache, step)
        cache.length += step.slots.numel()
        cache.position += step.slots.numel()
        return rows

    def run_layers(self, rows: torch.Tensor, cache: SpeechCache, step: Step) -> torch.Tensor:
        """Write to the cache and return the normed hidden states; the caller counts the rows."""
        for layer, keys, values in zip(self.layers, cache.keys, cache.values, strict=True):
            rows = layer(rows, keys, values, step)
        return self.norm(rows)
