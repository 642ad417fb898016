# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Original HiFT vocoder: mel frames to 24 kHz sound, streaming with a cross-fade."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from typing import Optional

import numpy as np
import torch
from torch.nn import functional as F

from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.shaped_function import ShapedFunction
from minicpmo.speech.hift import HiFT
from minicpmo.speech.noise import GaussianNoise, NoNoise, SourceNoise
from minicpmo.speech.token2wav_config import (
    FULL_CALL_FRAMES,
    SAMPLES_PER_FRAME,
    VocoderConfig,
)

OVERLAP_FRAMES = 8
OVERLAP_SAMPLES = OVERLAP_FRAMES * SAMPLES_PER_FRAME


@dataclass
class VocoderState:
    """End of the previous call, None before it: mel [80, 8], source [3840], speech [3840].

    render: the vocoder with its usual shapes captured, None runs every call as it comes.
    """

    mel: Optional[torch.Tensor] = None
    source: Optional[torch.Tensor] = None
    speech: Optional[torch.Tensor] = None
    noise: SourceNoise = field(default_factory=GaussianNoise)
    render: Optional[ShapedFunction] = None

    def reset_turn(self) -> None:
        """Return to the start of a turn; the noise goes on."""
        self.mel = self.source = self.speech = None

    def reset(self) -> None:
        """Return to the start of the stream."""
        self.reset_turn()
        self.noise.reset()


class Vocoder(HiFT):
    """Sees both sides of every frame; calls overlap by eight frames and are cross-faded."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__(config, causal=False)
        self._fade_in = self._fade_out = torch.empty(0)

    def prepare(self) -> Vocoder:
        """Fold the weight norm and place the cross-fade; call once after loading and moving."""
        super().prepare()
        window = torch.from_numpy(np.hamming(2 * OVERLAP_SAMPLES)).to(self.conv_post.bias)
        self._fade_in, self._fade_out = window.chunk(2)
        return self

    def new_state(
        self, noise: Optional[SourceNoise] = None, pool: Optional[GraphPool] = None
    ) -> VocoderState:
        """Return the state at the start of a turn.

        noise: seeded gaussian where not given.
        pool: where the calls of a full second are captured.
        """
        state = VocoderState(noise=noise or GaussianNoise())
        if pool is not None:
            state.render = self._captured(pool)
        return state

    def _captured(self, pool: GraphPool) -> ShapedFunction:
        """Return :meth:`render`, captured for the first and for later full calls of a turn."""
        render, like = ShapedFunction(self.render, pool), self.conv_post.bias
        samples = like.new_zeros(OVERLAP_SAMPLES)
        for overlap, before in ((0, ()), (OVERLAP_FRAMES, (samples, samples))):
            frames = FULL_CALL_FRAMES + overlap
            noise = self.draw_noise(NoNoise(), frames, like.device)
            render.prepare(like.new_zeros(self.config.in_channels, frames), noise, *before)
        return render

    @torch.no_grad()
    def forward(self, mel: torch.Tensor, state: VocoderState, last: bool) -> torch.Tensor:
        """Return float32 samples for new mel frames [n, 80].

        480 per frame; the last 3840 are held back unless ``last``, and the first call of a turn
        begins with as many zeros instead (a turn of one call has neither).
        """
        first = state.mel is None
        channels = mel.T if first else torch.cat((state.mel, mel.T), dim=1)
        noise = self.draw_noise(state.noise, channels.shape[1], mel.device)
        before = () if first else (state.source, state.speech)
        render = state.render or self.render
        speech, source = render(channels, noise, *before)
        state.mel = channels[:, -OVERLAP_FRAMES:]
        state.source, state.speech = source[-OVERLAP_SAMPLES:], speech[-OVERLAP_SAMPLES:]
        if last:
            return speech
        speech = speech[:-OVERLAP_SAMPLES]
        return F.pad(speech, (OVERLAP_SAMPLES, 0)) if first else speech

    def draw_noise(self, noise: SourceNoise, frames: int, device: torch.device) -> torch.Tensor:
        """Return what :meth:`source` needs for so many mel frames."""
        config = self.config
        return noise.draw(frames * config.samples_per_frame, config.nb_harmonics + 1, device)

    def render(
        self,
        channels: torch.Tensor,
        noise: torch.Tensor,
        source_before: Optional[torch.Tensor] = None,
        speech_before: Optional[torch.Tensor] = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return speech and source [480 * frames] of mel channels [80, frames].

        source_before, speech_before: [3840], of the same frames in the previous call.
        """
        source = self.source(self.f0_predictor(channels[None]), noise)
        if source_before is not None:
            source = torch.cat((source_before, source[OVERLAP_SAMPLES:]))
        columns = self.spectrum.forward(source)
        speech = self.samples(self.conv_pre(channels[None]), columns)
        if speech_before is not None:
            head = speech[:OVERLAP_SAMPLES] * self._fade_in + speech_before * self._fade_out
            speech = torch.cat((head, speech[OVERLAP_SAMPLES:]))
        return speech, source

    def source(self, pitch: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return the excitation [samples] for fundamental frequencies [frames] in Hz.

        noise: [samples, harmonics], of unit variance.

        Phases are summed per frame in float32 and interpolated to samples, in the official order
        of operations: phases grow large, so another order would round audibly differently.
        """
        scale = self.config.samples_per_frame
        phase = torch.cumsum(self.turns(pitch), dim=0) * 2 * math.pi
        phase = F.interpolate(phase.T[None] * scale, scale_factor=float(scale), mode='linear')[0].T
        return self.excitation(phase, self.voiced(pitch), noise)
