# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The language model: a Qwen3 decoder with the parameter names of the official checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.attention import Kernel, additive, sdpa
from minicpmo.config import LanguageConfig, SpeechConfig
from minicpmo.host_table import look_up
from minicpmo.kv_cache import KeyValueCache
from minicpmo.rotary import rotate, rotation


@dataclass(frozen=True)
class AttentionStep:
    """Everything about one forward that all layers share.

    cosine, sine: rotation of the new rows, [rows, head_dim] (or [batch, 1, rows, head_dim]).
    slots: cache rows the new keys and values are written to, int64 [rows]; None without a cache.
    visible: number of cache rows looked at (fixed in a captured graph).
    mask: [rows, visible], 0 where a new row may look and minus infinity elsewhere, in the type of
        the rows, or None when they see everything.
    length: int32 [1], valid rows including the new ones; None when all visible ones are.
    kernel: what attends to a cache.
    causal: plain lower-triangular attention without a cache (training).
    """

    cosine: Tensor
    sine: Tensor
    slots: Optional[Tensor] = None
    visible: int = 0
    mask: Optional[Tensor] = None
    length: Optional[Tensor] = None
    kernel: Kernel = sdpa
    causal: bool = False


class RMSNorm(nn.Module):
    """Root-mean-square normalisation, computed in float32 inside."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


class Attention(nn.Module):
    """Grouped-query attention with normalised queries and keys."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        width = config.num_attention_heads * config.head_dim
        kv_width = config.num_key_value_heads * config.head_dim
        bias = config.attention_bias
        self.q_proj = nn.Linear(config.hidden_size, width, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, kv_width, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, kv_width, bias=bias)
        self.o_proj = nn.Linear(width, config.hidden_size, bias=bias)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(
        self, x: Tensor, step: AttentionStep, cache: Optional[tuple[Tensor, Tensor]] = None
    ) -> Tensor:
        """Attend: ``x`` [batch, rows, hidden]; ``cache`` is one layer's keys and values."""
        heads = (*x.shape[:-1], -1, self.head_dim)
        query = self.q_norm(self.q_proj(x).view(heads)).transpose(1, 2)
        key = self.k_norm(self.k_proj(x).view(heads)).transpose(1, 2)
        value = self.v_proj(x).view(heads).transpose(1, 2)
        query = rotate(query, step.cosine, step.sine)
        key = rotate(key, step.cosine, step.sine)
        if cache is not None:
            key, value = _write(cache, step, key, value)
            attended = step.kernel(query, key, value, step.mask, step.length)
        else:
            attended = F.scaled_dot_product_attention(
                query, key, value, attn_mask=step.mask, is_causal=step.causal, enable_gqa=True
            )
        return self.o_proj(attended.transpose(1, 2).flatten(2))


def _write(
    cache: tuple[Tensor, Tensor], step: AttentionStep, key: Tensor, value: Tensor
) -> tuple[Tensor, Tensor]:
    """Store the new rows and return all visible ones, [1, kv_heads, visible, head_dim]."""
    keys, values = cache
    keys.index_copy_(1, step.slots, key[0])
    values.index_copy_(1, step.slots, value[0])
    return keys[None, :, : step.visible], values[None, :, : step.visible]


class FeedForward(nn.Module):
    """Gated feed-forward block."""

    def __init__(self, config: LanguageConfig | SpeechConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block row by row."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    """Attention and feed-forward, each pre-normalised and with a residual."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x: Tensor, step: AttentionStep, cache: Optional[tuple[Tensor, Tensor]] = None
    ) -> Tensor:
        """Apply the layer to ``x`` [batch, rows, hidden]."""
        x = x + self.self_attn(self.input_layernorm(x), step, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embedding table, layers and final norm (``llm.model`` in the checkpoint)."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, embeddings: Tensor, step: AttentionStep, cache: Optional[KeyValueCache] = None
    ) -> Tensor:
        """Return the states after the final norm, [batch, rows, hidden]."""
        x = embeddings
        for index, layer in enumerate(self.layers):
            x = layer(x, step, None if cache is None else (cache.keys[index], cache.values[index]))
        return self.norm(x)


class LanguageModel(nn.Module):
    """Decoder and vocabulary head (``llm`` in the checkpoint).

    kernel: attends to caches; may be replaced before the first conversation.
    """

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.kernel: Kernel = sdpa
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def embed(self, ids: Tensor) -> Tensor:
        """Return the embedding rows of token ids of any shape."""
        return self.model.embed_tokens(ids)

    def embed_ids(self, ids: Sequence[int]) -> Tensor:
        """Return the embedding rows of ids the host knows, [len(ids), hidden]."""
        return look_up(self.model.embed_tokens, ids, self.model.norm.weight.device)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the vocabulary logits of exactly the rows given."""
        return self.lm_head(hidden)

    def forward(self, embeddings: Tensor, positions: Optional[Tensor] = None) -> Tensor:
        """Run whole sequences without a cache; this is what training uses.

        embeddings: [batch, rows, hidden]; shorter sequences are padded on the right, where
        causal attention keeps the padding from mattering.
        positions: int64 [rows] or [batch, rows]; 0, 1, 2, ... when absent.

        Returns the states after the final norm; :meth:`logits` turns rows into logits.
        """
        if positions is None:
            positions = torch.arange(embeddings.shape[1], device=embeddings.device)
        cosine, sine = self._rotation(positions, embeddings.dtype)
        if positions.dim() == 2:
            cosine, sine = cosine[:, None], sine[:, None]
        return self.model(embeddings, AttentionStep(cosine, sine, causal=True))

    @torch.inference_mode()
    def extend(self, embeddings: Tensor, cache: KeyValueCache) -> Tensor:
        """Append rows [rows, hidden] to a conversation and return their final states.

        Raises ContextOverflowError before anything is written when they do not fit.
        """
        rows = embeddings.shape[0]
        cache.require(rows)
        step = self._cached_step(rows, cache, embeddings.dtype)
        hidden = self.model(embeddings[None], step, cache)[0]
        cache.length += rows
        return hidden

    def new_cache(self, capacity: int) -> KeyValueCache:
        """Return an empty cache in the type and on the device of the weights."""
        weight = self.model.norm.weight  # never quantised
        config = self.config
        return KeyValueCache.allocate(
            config.num_hidden_layers,
            config.num_key_value_heads,
            config.head_dim,
            capacity,
            config.rope_theta,
            weight.dtype,
            weight.device,
        )

    def step_at(
        self, position: Tensor, rows: int, visible: int, dtype: torch.dtype
    ) -> AttentionStep:
        """Return the step of ``rows`` rows behind the ``position`` int64 [1] rows of a cache.

        Shapes depend on ``rows`` and ``visible`` alone, and nothing is read from the device.
        """
        slots = position + torch.arange(rows, device=position.device)
        seen = torch.arange(visible, device=position.device) <= slots[:, None]
        length = (position + rows).to(torch.int32)
        cosine, sine = self._rotation(slots, dtype)
        mask = additive(seen, dtype)
        return AttentionStep(cosine, sine, slots, visible, mask, length, self.kernel)

    def _cached_step(self, rows: int, cache: KeyValueCache, dtype: torch.dtype) -> AttentionStep:
        device = cache.keys.device
        slots = torch.arange(cache.length, cache.length + rows, device=device)
        cosine, sine = self._rotation(slots, dtype)
        visible = cache.length + rows
        mask = None
        if rows > 1:
            mask = additive(torch.arange(visible, device=device) <= slots[:, None], dtype)
        return AttentionStep(cosine, sine, slots, visible, mask, kernel=self.kernel)

    def _rotation(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        return rotation(positions, self.config.head_dim, self.config.rope_theta, dtype)
