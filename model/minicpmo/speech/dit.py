# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Diffusion transformer of the flow: velocity of noisy mel frames, with caches per step."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Optional

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.speech.token2wav_config import EstimatorConfig

TIME_CHANNELS = 256
TIME_SCALE = 1000.0
MODULATIONS = 9
"""Vectors per block: shift, scale and gate of attention, feed-forward and convolution."""


@dataclass(frozen=True)
class Modulation:
    """Constants of one diffusion step: blocks [depth, 9, width], final [2, width]."""

    blocks: torch.Tensor
    final: torch.Tensor


class TimeEmbedder(nn.Module):
    """Embeds the diffusion time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(TIME_CHANNELS, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, time: torch.Tensor) -> torch.Tensor:
        """Return [steps, width] for times [steps] in [0, 1]."""
        half = TIME_CHANNELS // 2
        exponent = torch.arange(half, dtype=torch.float32, device=time.device) / half
        angle = (TIME_SCALE * time)[:, None] * torch.exp(-math.log(10000.0) * exponent)
        return self.mlp(torch.cat((angle.cos(), angle.sin()), dim=-1))


class BlockAttention(nn.Module):
    """Attention with normed queries and keys over fixed slots; order does not matter."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.heads, self.head_dim = config.num_heads, config.head_dim
        inner = config.num_heads * config.head_dim
        self.to_q = nn.Linear(config.hidden_size, inner)
        self.to_k = nn.Linear(config.hidden_size, inner)
        self.to_v = nn.Linear(config.hidden_size, inner)
        self.q_norm = nn.LayerNorm(config.head_dim, eps=1e-5)
        self.k_norm = nn.LayerNorm(config.head_dim, eps=1e-5)
        self.proj = nn.Linear(inner, config.hidden_size)

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(*x.shape[:2], self.heads, self.head_dim)

    def forward(
        self, x: torch.Tensor, cache: torch.Tensor, slots: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the attended rows [2, n, width]; writes keys | values to ``slots``.

        cache: [2, heads, capacity, 2 * head dim]; mask: [1, capacity], true where valid.
        """
        query = self.q_norm(self._split(self.to_q(x))).transpose(1, 2)
        key = self.k_norm(self._split(self.to_k(x)))
        fresh = torch.cat((key, self._split(self.to_v(x))), dim=-1).transpose(1, 2)
        cache.index_copy_(2, slots, fresh)
        keys, values = cache.split(self.head_dim, dim=-1)
        out = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.proj(out.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1))


class FeedForward(nn.Module):
    """Two linear layers with a tanh-approximated gelu."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the transformed rows."""
        return self.fc2(F.gelu(self.fc1(x), approximate='tanh'))


class CausalConvolution(nn.Module):
    """Two causal convolutions of three frames with norm and mish between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # The empty places keep the official numbering of the layers.
        self.block = nn.Sequential(
            nn.Identity(),
            nn.Conv1d(width, width, 3),
            nn.Identity(),
            nn.LayerNorm(width),
            nn.Mish(),
            nn.Identity(),
            nn.Conv1d(width, width, 3),
        )

    def forward(
        self, x: torch.Tensor, cache: torch.Tensor, tail: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """Return the filtered rows [2, n, width]; ``cache`` [2, 2 * width, 2] is advanced.

        tail: int64 [2], which two columns behind the cached ones are kept; None keeps the last.
        """
        width = x.shape[-1]
        first = torch.cat((cache[:, :width], x.transpose(1, 2)), dim=2)
        middle = self.block[4](self.block[3](self.block[1](first).transpose(1, 2)))
        second = torch.cat((cache[:, width:], middle.transpose(1, 2)), dim=2)
        kept = (first[:, :, -2:], second[:, :, -2:])
        if tail is not None:
            kept = (first.index_select(2, tail), second.index_select(2, tail))
        cache.copy_(torch.cat(kept, dim=1))
        return self.block[6](second).transpose(1, 2)


class DiTBlock(nn.Module):
    """Attention, convolution and feed-forward, each modulated by the diffusion time."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.attn = BlockAttention(config)
        self.mlp = FeedForward(width, int(width * config.mlp_ratio))
        self.conv = CausalConvolution(width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, MODULATIONS * width))

    def forward(
        self,
        x: torch.Tensor,
        modulation: torch.Tensor,
        attention_cache: torch.Tensor,
        convolution_cache: torch.Tensor,
        slots: torch.Tensor,
        mask: torch.Tensor,
        tail: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Return rows [2, n, width]; modulation: [9, width]; both caches are advanced."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m, shift_c, scale_c, gate_c = modulation
        normed = modulated(x, shift_a, scale_a)
        x = x + gate_a * self.attn(normed, attention_cache, slots, mask)
        x = x + gate_c * self.conv(modulated(x, shift_c, scale_c), convolution_cache, tail)
        return x + gate_m * self.mlp(modulated(x, shift_m, scale_m))


class FinalLayer(nn.Module):
    """Modulated norm and projection to mel channels."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, channels)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """Return [2, n, channels]; modulation: [2, width]."""
        return self.linear(modulated(x, modulation[0], modulation[1]))


def modulated(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the normed rows, scaled by 1 + scale and shifted."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class DiT(nn.Module):
    """The estimator; a batch of two is the conditioned and the unconditioned half."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.t_embedder = TimeEmbedder(width)
        self.in_proj = nn.Linear(config.in_channels, width)
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(width, config.out_channels)

    def modulations(self, times: torch.Tensor) -> list[Modulation]:
        """Return the constants of each diffusion step for times [steps]."""
        embedded = self.t_embedder(times)
        per_block = [block.adaLN_modulation(embedded) for block in self.blocks]
        blocks = torch.stack(per_block, dim=1).unflatten(2, (MODULATIONS, -1))
        final = self.final_layer.adaLN_modulation(embedded).unflatten(1, (2, -1))
        return [Modulation(*constants) for constants in zip(blocks, final, strict=True)]

    def project_condition(
        self, mu: torch.Tensor, speaker: torch.Tensor, prompt: torch.Tensor
    ) -> torch.Tensor:
        """Return what the condition adds to each input row in every step, [2, n, width].

        mu, prompt: [n, mel]; speaker: [mel]. The second half is unconditioned (all zero).
        """
        mel = mu.shape[-1]
        rows = torch.cat((mu, speaker.expand_as(mu), prompt), dim=-1)
        conditioned = F.linear(rows, self.in_proj.weight[:, mel:])
        return torch.stack((conditioned, torch.zeros_like(conditioned))) + self.in_proj.bias

    def forward(
        self,
        x: torch.Tensor,
        condition: torch.Tensor,
        modulation: Modulation,
        attention_caches: torch.Tensor,
        convolution_caches: torch.Tensor,
        slots: torch.Tensor,
        mask: torch.Tensor,
        tail: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Return the velocity [2, n, mel] of noisy frames x [n, mel] at one diffusion step.

        attention_caches: [depth, 2, heads, capacity, 2 * head dim]; convolution_caches:
        [depth, 2, 2 * width, 2]; both are advanced in place. tail: see
        :meth:`CausalConvolution.forward`.
        """
        rows = F.linear(x, self.in_proj.weight[:, : x.shape[-1]]) + condition
        for index, block in enumerate(self.blocks):
            rows = block(
                rows,
                modulation.blocks[index],
                attention_caches[index],
                convolution_caches[index],
                slots,
                mask,
                tail,
            )
        return self.final_layer(rows, modulation.final)
