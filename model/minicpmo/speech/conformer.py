# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming conformer encoder of the flow: speech codes' embeddings to mel-rate states."""

from __future__ import annotations

from dataclasses import dataclass
import math

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.speech.token2wav_config import FRAMES_PER_CODE, LOOKAHEAD_CODES, EncoderConfig

MAX_FRAMES = 1200
"""Longest cached plus new mel frames for which relative positions are prepared."""


@dataclass(frozen=True)
class EncoderCache:
    """What the encoder remembers of one stream; never changed in place.

    lookahead: last two inputs of the second look-ahead convolution, [1, width, 2]. upsample: last
    four repeated rows, [1, width, 4]. code_rate, mel_rate: keys | values of each layer,
    [layers, heads, rows, 2 * head dim].
    """

    lookahead: torch.Tensor
    upsample: torch.Tensor
    code_rate: torch.Tensor
    mel_rate: torch.Tensor


class InputLayer(nn.Module):
    """Linear, layer norm and scaling by the square root of the width."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(width_in, width), nn.LayerNorm(width, eps=1e-5))
        self.scale = math.sqrt(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the embedded rows."""
        return self.out(x) * self.scale


class LookaheadLayer(nn.Module):
    """Convolution over the row and the next three, then a causal one; with a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, LOOKAHEAD_CODES + 1)
        self.conv2 = nn.Conv1d(width, width, 3)

    def forward(self, x: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows [n - 3, width] for [n, width], and the next cache [1, width, 2]."""
        ahead = F.leaky_relu(self.conv1(x.T[None]))
        ahead = torch.cat((cache, ahead), dim=2)
        return self.conv2(ahead)[0].T + x[:-LOOKAHEAD_CODES], ahead[:, :, -2:]


class UpsampleLayer(nn.Module):
    """Repeat every row and smooth causally."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 2 * FRAMES_PER_CODE + 1)

    def forward(self, x: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows [2n, width] for [n, width], and the next cache [1, width, 4]."""
        repeated = x.T[None].repeat_interleave(FRAMES_PER_CODE, dim=2)
        repeated = torch.cat((cache, repeated), dim=2)
        return self.conv(repeated)[0].T, repeated[:, :, -2 * FRAMES_PER_CODE :]


class RelativeAttention(nn.Module):
    """Self-attention with relative positions over all cached and new rows, without a mask."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, self.head_dim))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, self.head_dim))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], self.heads, self.head_dim).transpose(0, 1)

    def positions(self, table: torch.Tensor) -> torch.Tensor:
        """Return the projected position rows [heads, rows, head dim]."""
        return self._split(self.linear_pos(table))

    def forward(
        self, x: torch.Tensor, cache: torch.Tensor, positions: torch.Tensor, index: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the attended rows [n, width] and keys | values including the cached ones.

        positions: [heads, total + n - 1, head dim], largest distance first; index: [n, total],
        the row of ``positions`` for each pair.
        """
        query = self._split(self.linear_q(x))
        fresh = torch.cat((self._split(self.linear_k(x)), self._split(self.linear_v(x))), dim=-1)
        cache = torch.cat((cache, fresh), dim=1)
        key, value = cache.split(self.head_dim, dim=-1)
        content = (query + self.pos_bias_u[:, None]) @ key.transpose(1, 2)
        distance = (query + self.pos_bias_v[:, None]) @ positions.transpose(1, 2)
        distance = distance.gather(2, index.expand(self.heads, -1, -1))
        weights = ((content + distance) / math.sqrt(self.head_dim)).softmax(-1)
        return self.linear_out((weights @ value).transpose(0, 1).reshape(x.shape)), cache


class FeedForward(nn.Module):
    """Two linear layers with silu."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, inner)
        self.w_2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the transformed rows."""
        return self.w_2(F.silu(self.w_1(x)))


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.output_size
        self.self_attn = RelativeAttention(width, config.attention_heads)
        self.feed_forward = FeedForward(width, config.linear_units)
        self.norm_ff = nn.LayerNorm(width, eps=1e-12)
        self.norm_mha = nn.LayerNorm(width, eps=1e-12)

    def forward(
        self, x: torch.Tensor, cache: torch.Tensor, positions: torch.Tensor, index: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows and the keys | values including the cached ones."""
        attended, cache = self.self_attn(self.norm_mha(x), cache, positions, index)
        x = x + attended
        return x + self.feed_forward(self.norm_ff(x)), cache


class Encoder(nn.Module):
    """The whole encoder: look-ahead, blocks at code rate, upsampling, blocks at mel rate."""

    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        self.config = config
        width = config.output_size
        self.embed = InputLayer(input_size, width)
        self.pre_lookahead_layer = LookaheadLayer(width)
        self.encoders = nn.ModuleList(Block(config) for _ in range(config.num_blocks))
        self.up_layer = UpsampleLayer(width)
        self.up_embed = InputLayer(width, width)
        self.up_encoders = nn.ModuleList(Block(config) for _ in range(config.num_up_blocks))
        self.after_norm = nn.LayerNorm(width, eps=1e-5)
        self._projected: dict[int, torch.Tensor] = {}

    def empty_cache(self) -> EncoderCache:
        """Return the cache at the start of a stream."""
        config, weight = self.config, self.after_norm.weight
        width = config.output_size
        shape = (config.attention_heads, 0, 2 * width // config.attention_heads)
        return EncoderCache(
            weight.new_zeros(1, width, 2),
            weight.new_zeros(1, width, 2 * FRAMES_PER_CODE),
            weight.new_zeros(config.num_blocks, *shape),
            weight.new_zeros(config.num_up_blocks, *shape),
        )

    def prepare(self) -> None:
        """Project all relative positions once; call after loading."""
        table = sine_positions(self.after_norm.weight, MAX_FRAMES)
        blocks = [*self.encoders, *self.up_encoders]
        self._projected = {id(block): block.self_attn.positions(table) for block in blocks}

    def forward(
        self, x: torch.Tensor, cache: EncoderCache, last: bool
    ) -> tuple[torch.Tensor, EncoderCache]:
        """Return mel-rate states [2 * (n - 3), width] for embedded codes [n, width].

        With ``last`` three rows of zeros stand for the missing future and all n codes are used.
        """
        x = self.embed(x)
        if last:
            x = F.pad(x, (0, 0, 0, LOOKAHEAD_CODES))
        x, lookahead = self.pre_lookahead_layer(x, cache.lookahead)
        x, code_rate = self._run(self.encoders, x, cache.code_rate)
        x, upsample = self.up_layer(x, cache.upsample)
        x, mel_rate = self._run(self.up_encoders, self.up_embed(x), cache.mel_rate)
        return self.after_norm(x), EncoderCache(lookahead, upsample, code_rate, mel_rate)

    def _run(
        self, blocks: nn.ModuleList, x: torch.Tensor, caches: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        count, total = x.shape[0], x.shape[0] + caches.shape[2]
        row = torch.arange(count, device=x.device)[:, None]
        index = (count - 1 - row + torch.arange(total, device=x.device))[None]
        # Distances from total - 1 down to 1 - count around the table's middle, distance 0.
        first = MAX_FRAMES - 1 - (total - 1)
        window = slice(first, first + total + count - 1)
        grown = []
        for block, cache in zip(blocks, caches, strict=True):
            x, cache = block(x, cache, self._projected[id(block)][:, window], index)
            grown.append(cache)
        return x, torch.stack(grown)


def sine_positions(like: torch.Tensor, count: int) -> torch.Tensor:
    """Return sine rows of the distances count-1 .. 1-count, [2 * count - 1, width of ``like``]."""
    width = like.shape[-1]
    distance = torch.arange(count - 1, -count, -1, dtype=torch.float32)[:, None]
    exponent = torch.arange(0, width, 2, dtype=torch.float32)
    angle = distance * torch.exp(exponent * -(math.log(10000.0) / width))
    return torch.stack((angle.sin(), angle.cos()), dim=-1).view(-1, width).to(like)
