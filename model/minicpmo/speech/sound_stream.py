# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes of a turn to the sound that is handed out, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from minicpmo.graph.host_read import read_array
from minicpmo.speech.code_buffer import CodeBuffer
from minicpmo.speech.token2wav import Token2WavStream

PCM_SCALE_IN = 32767
PCM_SCALE_OUT = 32768


@dataclass(frozen=True)
class VocoderCall:
    """One call of the vocoder, for comparison with recordings."""

    n_tokens: int
    last_chunk: bool
    n_samples: int


class SoundStream:
    """Code buffer and vocoder of one stream; a finished turn resets both."""

    def __init__(self, stream: Token2WavStream, buffer: CodeBuffer) -> None:
        self._stream, self.buffer = stream, buffer
        self.calls: list[VocoderCall] = []

    def push(self, codes: list[int], end_of_turn: bool) -> np.ndarray:
        """Return the sound that is due after these codes, float32 [samples], may be empty."""
        self.calls = []
        pieces = []
        for block in self.buffer.push(codes, end_of_turn):
            samples = self._stream.decode(block.codes, block.last)
            self.calls.append(VocoderCall(len(block.codes), block.last, samples.numel()))
            pieces.append(as_pcm(samples))
        if end_of_turn:
            self.reset_turn()
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    @property
    def flow_steps(self) -> int:
        """Return the steps of the flow."""
        return self._stream.flow_steps

    def set_flow_stride(self, stride: int) -> None:
        """Compute every ``stride``-th step; see ``FlowState.want``."""
        self._stream.flow_state.want(stride)

    def reset_turn(self) -> None:
        """Drop what waits and return to the start of a turn."""
        self.buffer.reset()
        self._stream.reset_turn()

    def reset(self) -> None:
        """Return to the state right after construction."""
        self.buffer.reset()
        self._stream.reset()
        self.calls = []


def as_pcm(samples: torch.Tensor) -> np.ndarray:
    """Return float32 values that 16-bit samples can hold, truncated as in the official code."""
    values = (samples.clamp(-1, 1) * PCM_SCALE_IN).to(torch.int16)
    return read_array(values).astype(np.float32) / PCM_SCALE_OUT
