# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The engine's attentions without caches, as one fused operation each.

With AVX-512 and float32 a causal layer takes a third of the time of written-out matrix products,
forward and backward, the others half. Parameters and results are the engine's (a test compares
them).
"""

from __future__ import annotations

from typing import Optional

from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.audio_encoder import AudioAttention
from minicpmo.llm import Attention, AttentionStep
from minicpmo.rotary import rotate
from minicpmo.vision import VisionAttention


def attend(
    query: Tensor, key: Tensor, value: Tensor, seen: Optional[Tensor] = None, causal: bool = False
) -> Tensor:
    """Return softmax attention [batch, heads, rows, width] of tensors of that shape.

    seen: bool [rows, rows], True where a row may look; causal: it may look back only, which spares
    half of the work.
    """
    query, key = query.to(value.dtype), key.to(value.dtype)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=causal)


class PlainLanguageAttention(Attention):
    """Causal attention without a cache."""

    def forward(self, x: Tensor, step: AttentionStep, cache: None = None) -> Tensor:
        """Return the attention over ``x`` [batch, rows, hidden]."""
        heads = (*x.shape[:-1], -1, self.head_dim)
        query = self.q_norm(self.q_proj(x).view(heads)).transpose(1, 2)
        key = self.k_norm(self.k_proj(x).view(heads)).transpose(1, 2)
        value = self.v_proj(x).view(heads).transpose(1, 2)
        query, key = (rotate(part, step.cosine, step.sine) for part in (query, key))
        groups = query.shape[1] // key.shape[1]
        key, value = (part.repeat_interleave(groups, 1) for part in (key, value))
        out = attend(query, key, value, causal=True)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class PlainAudioAttention(AudioAttention):
    """Attention of the audio encoder."""

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Optional[Tensor] = None
    ) -> Tensor:
        """Return [batch, frames, width]; ``mask`` is True where allowed."""
        mixed = attend(query, key, value, None if mask is None else mask[0, 0])
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class PlainVisionAttention(VisionAttention):
    """Attention of the vision tower for pictures of one size."""

    def forward(self, x: Tensor, mask: None = None) -> Tensor:
        """Return [pictures, patches, width]."""
        query, key, value = (
            linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(attend(query, key, value).transpose(1, 2).flatten(2))


_PLAIN = {
    Attention: PlainLanguageAttention,
    AudioAttention: PlainAudioAttention,
    VisionAttention: PlainVisionAttention,
}


def use_plain_attention(model: nn.Module) -> None:
    """Let all attentions inside the model compute the plain way."""
    for module in model.modules():
        if type(module) in _PLAIN:
            module.__class__ = _PLAIN[type(module)]
