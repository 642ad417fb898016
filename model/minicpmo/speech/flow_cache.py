# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the flow remembers: of a voice, and of one stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
import enum
from typing import Optional

import torch

from minicpmo.speech.conformer import EncoderCache
from minicpmo.speech.flow_graph import FlowGraphs
from minicpmo.speech.frame_slots import FrameSlots
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE

HISTORY_FRAMES = 100
"""Mel frames of a turn that stay cached besides the prompt."""
STRIDES = (1, 2, 4)
"""Steps of a larger stride are among those of each smaller one."""


class Generation(enum.Enum):
    """Which of the two published generations of the sound assets is loaded."""

    ORIGINAL = 'original'
    CAUSAL = 'causal'


@dataclass(frozen=True)
class Prompt:
    """The voice that is continued.

    codes: speech codes of the reference clip, 25 per second. mel: float32 [frames, 80], two
    frames per code. speaker: float32 [192].
    """

    codes: tuple[int, ...]
    mel: torch.Tensor
    speaker: torch.Tensor


@dataclass(frozen=True)
class PromptCache:
    """What :meth:`Flow.prepare_prompt` computed once; shared by all streams of the voice."""

    frames: int
    speaker: torch.Tensor
    encoder: EncoderCache
    attention: torch.Tensor
    convolution: torch.Tensor

    def on_host(self) -> PromptCache:
        """Return the voice with its largest part in host memory; a turn begins by copying it."""
        attention = self.attention.cpu()
        if self.attention.device.type == 'cuda':
            attention = attention.pin_memory()
        return replace(self, attention=attention)


@dataclass
class FlowState:
    """Caches of one stream.

    attention: [steps, depth, 2, heads, capacity, 2 * head dim]. convolution: [steps, depth, 2,
    2 * width, 2].
    stride: every how many-th step is computed; the caches of the others lack frames of this turn.
    wanted_stride: the stride of the next turn.
    graphs: captured diffusion steps on these caches, None runs them as they come.
    """

    prompt: PromptCache
    encoder: EncoderCache
    attention: torch.Tensor
    convolution: torch.Tensor
    slots: FrameSlots
    stride: int = 1
    wanted_stride: int = 1
    graphs: Optional[FlowGraphs] = None

    def want(self, stride: int) -> None:
        """Skip more steps from the next call on, or fewer from the next turn on."""
        assert stride in STRIDES, stride
        self.wanted_stride = stride
        self.stride = max(self.stride, stride)

    def trim(self, generation: Generation) -> None:
        """Drop what the official code drops after a call."""
        self.slots.trim(self.prompt.frames, HISTORY_FRAMES)
        self.encoder = trimmed(self.encoder, self.prompt.frames, generation)

    def reset(self) -> None:
        """Return to the start of a turn: only the prompt is cached."""
        self.encoder = self.prompt.encoder
        # Step by step: a whole voice that comes from the host would need its size once more.
        for cache, voice in zip(self.attention, self.prompt.attention, strict=True):
            cache[..., : self.prompt.frames, :].copy_(voice, non_blocking=True)
        self.convolution.copy_(self.prompt.convolution)
        self.slots.reset(self.prompt.frames)
        self.stride = self.wanted_stride


def trimmed(cache: EncoderCache, prompt: int, generation: Generation) -> EncoderCache:
    """Return the cache reduced to the prompt's frames and the recent history.

    The mel-rate layers keep the first ``prompt`` and the last 100 frames. The causal generation
    keeps the same span at code rate. The original one stores code-rate rows twice in a row and
    cuts that list like mel frames, so that it keeps the first 50 codes of a turn for ever.
    """
    total = cache.mel_rate.shape[2]
    if total <= prompt + HISTORY_FRAMES:
        return cache
    mel_rate = torch.cat(
        (cache.mel_rate[:, :, :prompt], cache.mel_rate[:, :, -HISTORY_FRAMES:]), dim=2
    )
    codes, kept = total // FRAMES_PER_CODE, (prompt + HISTORY_FRAMES) // FRAMES_PER_CODE
    row = torch.arange(kept, device=mel_rate.device)
    border = prompt
    if generation is Generation.CAUSAL:
        border = prompt // FRAMES_PER_CODE
        from_end = codes - kept
    else:
        from_end = total - HISTORY_FRAMES - prompt
    row = torch.where(row < border, row, row + from_end) % codes
    return EncoderCache(cache.lookahead, cache.upsample, cache.code_rate[:, :, row], mel_rate)
