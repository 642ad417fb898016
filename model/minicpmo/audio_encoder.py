# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whisper-style encoder with a cache across units, and the projection to embedding rows.

Both paths share the layers. ``forward`` takes whole clips and keeps gradients; ``step`` takes
one second of a stream and appends to a cache of fixed size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import torch
from torch import nn
import torch.nn.functional as F

from minicpmo.audio_input import UNIT_SAMPLES
from minicpmo.config import AudioConfig, ModelConfig
from minicpmo.errors import InputError
from minicpmo.mel import CLIP_SAMPLES

FIRST_UNIT_MEL_FRAMES = 102
"""The first unit of a stream has no real past: nothing is dropped in front."""
MEL_FRAMES_PER_SECOND = 100
UNIT_FRAMES = 50
"""Encoder frames of one second."""


@dataclass
class AudioCache:
    """Keys and values of one stream.

    keys, values: [layers, heads, max_source_positions, head width]; ``length`` rows are in use.
    """

    keys: torch.Tensor
    values: torch.Tensor
    length: int = 0

    def reset(self) -> None:
        """Forget the stream."""
        self.length = 0


class AudioAttention(nn.Module):
    """Multi-head attention; the key projection has no bias."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        width = config.d_model
        self.heads = config.encoder_attention_heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def project(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values [batch, heads, frames, head width] of [batch, ..]."""
        return tuple(
            linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Return the attention output [batch, frames, width]; ``mask`` is True where allowed."""
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class AudioEncoderLayer(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.self_attn = AudioAttention(config)
        self.self_attn_layer_norm = nn.LayerNorm(config.d_model)
        self.fc1 = nn.Linear(config.d_model, config.encoder_ffn_dim)
        self.fc2 = nn.Linear(config.encoder_ffn_dim, config.d_model)
        self.final_layer_norm = nn.LayerNorm(config.d_model)

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Return [batch, frames, width]; all frames attend to each other unless masked."""
        query, key, value = self.self_attn.project(self.self_attn_layer_norm(x))
        return self._feed_forward(x + self.self_attn.attend(query, key, value, mask))

    def step(self, x: torch.Tensor, cache: AudioCache, layer: int) -> torch.Tensor:
        """Return [1, frames, width]; the frames also attend to everything cached."""
        query, key, value = self.self_attn.project(self.self_attn_layer_norm(x))
        end = cache.length + x.shape[1]
        cache.keys[layer, :, cache.length : end] = key[0]
        cache.values[layer, :, cache.length : end] = value[0]
        mixed = self.self_attn.attend(
            query, cache.keys[layer, None, :, :end], cache.values[layer, None, :, :end]
        )
        return self._feed_forward(x + mixed)

    def _feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class AudioEncoder(nn.Module):
    """Mel frames to encoder frames, two to one (``apm.*``)."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.num_mel_bins, config.d_model, 3, padding=1)
        self.conv2 = nn.Conv1d(config.d_model, config.d_model, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(config.max_source_positions, config.d_model)
        self.layers = nn.ModuleList(
            AudioEncoderLayer(config) for _ in range(config.encoder_layers)
        )
        self.layer_norm = nn.LayerNorm(config.d_model)

    @property
    def units_per_window(self) -> int:
        """Return after how many units of a stream the cache is dropped."""
        return (self.config.max_source_positions - 53) // UNIT_FRAMES + 1

    @property
    def longest_clip(self) -> int:
        """Return the mel frames of the longest clip ``forward`` takes."""
        return 2 * self.config.max_source_positions

    @property
    def longest_piece(self) -> int:
        """Return the samples of the longest clip in whole seconds, at most those of 30 s."""
        return min(self.longest_clip // MEL_FRAMES_PER_SECOND * UNIT_SAMPLES, CLIP_SAMPLES)

    def new_cache(self) -> AudioCache:
        """Return an empty cache on the device and in the type of the weights."""
        weight, config = self.conv1.weight, self.config
        width = config.d_model // config.encoder_attention_heads
        shape = (len(self.layers), config.encoder_attention_heads, config.max_source_positions)
        return AudioCache(weight.new_zeros(*shape, width), weight.new_zeros(*shape, width))

    def forward(
        self,
        mel: torch.Tensor,
        lengths: Optional[torch.Tensor] = None,
        chunk_frames: int = UNIT_FRAMES,
    ) -> torch.Tensor:
        """Return the encoder frames of whole clips, [batch, ceil(mel frames / 2), width].

        Args:
            mel: [batch, mel bins, mel frames], shorter clips padded at the end.
            lengths: int64 [batch] true mel frames; None when nothing is padded. A clip gets
                the result it has alone (the official code lets a little padding leak).
            chunk_frames: a frame sees its own chunk of this length and all before; 0 = all.

        Raises:
            InputError: the clip is longer than the position table.
        """
        if mel.shape[-1] > self.longest_clip:
            raise InputError(
                f'audio clip of {mel.shape[-1]} mel frames exceeds the {self.longest_clip} of '
                'the model; cut it into pieces'
            )
        return self._transform(self._convolve(mel, lengths), lengths, chunk_frames)

    def stream(self, units: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return what :meth:`step` gives for a whole stream, [batch, 50 * seconds, width].

        Keeps gradients: a model for streaming can be trained on it.

        Args:
            units: one [batch, mel bins, 102 at first, then 104] per second, see
                :meth:`minicpmo.mel.LogMel.stream`.
        """
        x = torch.cat([self._without_context(self._convolve(mel), mel) for mel in units], dim=1)
        windows = x.split(self.units_per_window * UNIT_FRAMES, dim=1)
        return torch.cat([self._transform(window, None, UNIT_FRAMES) for window in windows], 1)

    def step(
        self, cache: AudioCache, mel: torch.Tensor, drop_context: bool = True
    ) -> torch.Tensor:
        """Return the encoder frames of one more second of a stream, [1, 50, width].

        The cache is dropped first when the position table would not hold another unit; the
        context frames still come from the real past then.

        Args:
            cache: the stream, changed in place.
            mel: [mel bins, 102 at first, then 104].
            drop_context: leave the frames of the context out. The turn-based official mode
                keeps them (51 or 52 frames).
        """
        x = self._convolve(mel[None])
        if cache.length + x.shape[1] >= self.config.max_source_positions:
            cache.reset()
        if drop_context:
            x = self._without_context(x, mel)
        end = cache.length + x.shape[1]
        x = x + self.embed_positions.weight[cache.length : end]
        for index, layer in enumerate(self.layers):
            x = layer.step(x, cache, index)
        cache.length = end
        return self.layer_norm(x)

    def _transform(
        self, x: torch.Tensor, lengths: Optional[torch.Tensor], chunk_frames: int
    ) -> torch.Tensor:
        """Return the encoder frames of [batch, frames, width] at positions 0.. ."""
        x = x + self.embed_positions.weight[: x.shape[1]]
        mask = _clip_mask(x, lengths, chunk_frames)
        for layer in self.layers:
            x = layer(x, mask)
        return self.layer_norm(x)

    @staticmethod
    def _without_context(x: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        return x[:, int(mel.shape[-1] > FIRST_UNIT_MEL_FRAMES) : -1]

    def _convolve(self, mel: torch.Tensor, lengths: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Return [batch, ceil(frames / 2), width] before positions."""
        mel = mel.to(self.conv1.weight)
        if lengths is None:
            return F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        # Beyond the end of a clip both convolutions have to see what they see at an end: zeros.
        real = torch.arange(mel.shape[-1], device=mel.device) < lengths.to(mel.device)[:, None]
        real = real[:, None]
        x = F.gelu(self.conv1(mel * real)) * real
        return F.gelu(self.conv2(x)).transpose(1, 2)


class AudioProjector(nn.Module):
    """Encoder frames to embedding rows of the language model (``audio_projection_layer.*``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.audio is not None
        self.pool_step = config.audio_pool_step
        self.linear1 = nn.Linear(config.audio.d_model, config.llm.hidden_size)
        self.linear2 = nn.Linear(config.llm.hidden_size, config.llm.hidden_size)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return [batch, frames // pool step, hidden]; a remainder of frames is left out."""
        rows = self.linear2(F.relu(self.linear1(frames)))
        return F.avg_pool1d(rows.transpose(1, 2), self.pool_step).transpose(1, 2)

    def rows(self, mel_frames: int) -> int:
        """Return the number of embedding rows of a clip of ``mel_frames``."""
        return ((mel_frames - 1) // 2 + 1) // self.pool_step


def _clip_mask(
    x: torch.Tensor, lengths: Optional[torch.Tensor], chunk_frames: int
) -> Optional[torch.Tensor]:
    """Return [batch or 1, 1, frames, frames], True where a row may see a column."""
    frames = torch.arange(x.shape[1], device=x.device)
    seen = None
    if 0 < chunk_frames < x.shape[1]:
        ends = (frames // chunk_frames + 1) * chunk_frames
        seen = (frames[None, :] < ends[:, None])[None, None]
    if lengths is not None:
        real = frames < ((lengths.to(x.device) + 1) // 2)[:, None]
        seen = real[:, None, None] if seen is None else seen & real[:, None, None]
    return seen
