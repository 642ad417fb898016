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

from minicpmo.speech.hift import HiFT
from minicpmo.speech.noise import GaussianNoise, SourceNoise
from minicpmo.speech.token2wav_config import SAMPLES_PER_FRAME, VocoderConfig

OVERLAP_FRAMES = 8
OVERLAP_SAMPLES = OVERLAP_FRAMES * SAMPLES_PER_FRAME


@dataclass
class VocoderState:
    """End of the previous call, None before it: mel [80, 8], source [3840], speech [3840]."""

    mel: Optional[torch.Tensor] = None
    source: Optional[torch.Tensor] = None
    speech: Optional[torch.Tensor] = None
    noise: SourceNoise = field(default_factory=GaussianNoise)

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

    def new_state(self, noise: Optional[SourceNoise] = None) -> VocoderState:
        """Return the state at the start of a turn; noise: seeded gaussian where not given."""
        return VocoderState(noise=noise or GaussianNoise())

    @torch.no_grad()
    def forward(self, mel: torch.Tensor, state: VocoderState, last: bool) -> torch.Tensor:
        """Return float32 samples for new mel frames [n, 80].

        480 per frame; the last 3840 are held back unless ``last``, and the first call of a turn
        begins with as many zeros instead (a turn of one call has neither).
        """
        channels = mel.T if state.mel is None else torch.cat((state.mel, mel.T), dim=1)
        source = self.source(self.f0_predictor(channels[None]), state.noise)
        if state.source is not None:
            source[:OVERLAP_SAMPLES] = state.source
        columns = self.spectrum.forward(source)
        speech = self.samples(self.conv_pre(channels[None]), columns)
        first = state.speech is None
        if not first:
            head = speech[:OVERLAP_SAMPLES] * self._fade_in + state.speech * self._fade_out
            speech = torch.cat((head, speech[OVERLAP_SAMPLES:]))
        state.mel = channels[:, -OVERLAP_FRAMES:]
        state.source, state.speech = source[-OVERLAP_SAMPLES:], speech[-OVERLAP_SAMPLES:]
        if last:
            return speech
        speech = speech[:-OVERLAP_SAMPLES]
        return F.pad(speech, (OVERLAP_SAMPLES, 0)) if first else speech

    def source(self, pitch: torch.Tensor, noise: SourceNoise) -> torch.Tensor:
        """Return the excitation [samples] for fundamental frequencies [frames] in Hz.

        Phases are summed per frame in float32 and interpolated to samples, in the official order
        of operations: phases grow large, so another order would round audibly differently.
        """
        scale = self.config.samples_per_frame
        phase = torch.cumsum(self.turns(pitch), dim=0) * 2 * math.pi
        phase = F.interpolate(phase.T[None] * scale, scale_factor=float(scale), mode='linear')[0].T
        drawn = noise.draw(*phase.shape, pitch.device)
        return self.excitation(phase, self.voiced(pitch), drawn)
