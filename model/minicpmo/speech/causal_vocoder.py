# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Causal HiFT vocoder: mel frames to 24 kHz sound, streaming without a cross-fade."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Optional

import torch
from torch.nn import functional as F

from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.shaped_function import ShapedFunction
from minicpmo.speech.hift import HiFT
from minicpmo.speech.noise import uniform_noise
from minicpmo.speech.token2wav_config import (
    FULL_CALL_FRAMES,
    SAMPLES_PER_FRAME,
    VocoderConfig,
)

PITCH_AHEAD_FRAMES = 3
"""Frames that the pitch predictor looks ahead."""
EDGE_FRAMES = 1
"""Frames at the end of a call that the inverse spectrum would finish only with later ones."""
HISTORY_FRAMES = 31
"""Frames that must be known before one for it to come out as in a single run."""
LEAD_SAMPLES = 3840
"""Zeros before a turn's first samples, which make its first call a full second, too."""


@dataclass
class CausalVocoderState:
    """Recent input of one turn.

    mel: [80, n], oldest first. source: [m], samples of the same frames, as far as the pitch is
    known. phase: [harmonics], float64, in turns, at the end of ``source``. offset: index in the
    turn of the first cached frame. done: frames that have come out. render: the vocoder with its
    usual shapes captured, None runs every call as it comes.
    """

    mel: torch.Tensor
    source: torch.Tensor
    phase: torch.Tensor
    offset: int = 0
    done: int = 0
    render: Optional[ShapedFunction] = None

    def reset_turn(self) -> None:
        """Return to the start of a turn."""
        self.mel, self.source = self.mel[:, :0], self.source[:0]
        self.phase = torch.zeros_like(self.phase)
        self.offset = self.done = 0

    def reset(self) -> None:
        """Return to the start of the stream: turns do not depend on each other."""
        self.reset_turn()


class CausalVocoder(HiFT):
    """Looks eight frames ahead in all; a turn in pieces equals the turn in one call."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__(config, causal=True)
        self.delay = PITCH_AHEAD_FRAMES + config.conv_pre_look_right + EDGE_FRAMES

    def prepare(self) -> CausalVocoder:
        """Fold the weight norm and put the pitch predictor into float64."""
        super().prepare()
        # Errors of the pitch add up in the phase for as long as the turn lasts.
        self.f0_predictor.double()
        return self

    def new_state(self, pool: Optional[GraphPool] = None) -> CausalVocoderState:
        """Return the state at the start of a turn.

        pool: where the calls of a full second are captured.
        """
        state = self._empty_state()
        if pool is not None:
            state.render = self._captured(pool)
        return state

    def _empty_state(self) -> CausalVocoderState:
        like = self.conv_post.bias
        return CausalVocoderState(
            like.new_zeros(self.config.in_channels, 0),
            like.new_zeros(0),
            like.new_zeros(self.config.nb_harmonics + 1, dtype=torch.float64),
        )

    def _captured(self, pool: GraphPool) -> ShapedFunction:
        """Return :meth:`render`, captured for the first and for later full calls of a turn."""
        render, state = ShapedFunction(self.render, pool), self._empty_state()
        mel = state.mel.new_zeros(FULL_CALL_FRAMES, self.config.in_channels)
        for _ in range(2):
            inputs = self._inputs(mel, state)
            render.prepare(*inputs)
            self.forward(mel, state, False)
        return render

    @torch.no_grad()
    def forward(self, mel: torch.Tensor, state: CausalVocoderState, last: bool) -> torch.Tensor:
        """Return float32 samples for new mel frames [n, 80].

        480 per frame, eight frames later than they came in; ``last`` returns those, too. The first
        call of a turn begins with 3840 zeros.
        """
        inputs = self._inputs(mel, state)
        lead = LEAD_SAMPLES if state.done == 0 else 0
        finished = state.offset + inputs[0].shape[1] - (0 if last else self.delay)
        state.mel = inputs[0]
        if finished <= state.done:
            state.source, state.phase = self._longer_source(*inputs, last)
            return state.mel.new_zeros(0)
        if last:
            speech, state.source, state.phase = self.render(*inputs, last)
        else:
            render = state.render or self.render
            speech, state.source, state.phase = render(*inputs)
        first = (state.done - state.offset) * SAMPLES_PER_FRAME
        speech = speech[first : (finished - state.offset) * SAMPLES_PER_FRAME]
        self._forget(state, finished)
        return F.pad(speech, (lead, 0))

    def _inputs(self, mel: torch.Tensor, state: CausalVocoderState) -> tuple[torch.Tensor, ...]:
        """Return what :meth:`render` needs for new mel frames [n, 80]."""
        first = state.offset * SAMPLES_PER_FRAME + state.source.shape[0]
        place = torch.tensor([first], device=mel.device)
        return torch.cat((state.mel, mel.T), dim=1), state.source, state.phase, place

    def render(
        self,
        mel: torch.Tensor,
        source: torch.Tensor,
        phase: torch.Tensor,
        place: torch.Tensor,
        last: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the samples of all frames in ``mel`` [80, n], the longer source and its phase.

        source, phase: as far as they are known. place: int64 [1], index in the turn of the first
        sample after ``source``. The samples at either edge are not final.
        """
        source, phase = self._longer_source(mel, source, phase, place, last)
        return self._decode(mel, source, last), source, phase

    def _longer_source(
        self,
        mel: torch.Tensor,
        source: torch.Tensor,
        phase: torch.Tensor,
        place: torch.Tensor,
        last: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the excitation of all frames whose pitch is known now, and its phase."""
        pitch = self.f0_predictor(mel[None].double())
        known = source.shape[0] // SAMPLES_PER_FRAME
        pitch = pitch[known : None if last else -PITCH_AHEAD_FRAMES]
        if not pitch.numel():
            return source, phase
        turns = phase + torch.cumsum(self.turns(pitch) * SAMPLES_PER_FRAME, dim=0)
        turns = turns % 1
        angle = (turns * 2 * math.pi).repeat_interleave(SAMPLES_PER_FRAME, dim=0)
        noise = uniform_noise(place, *angle.shape)
        new = self.excitation(angle.float(), self.voiced(pitch), noise)
        return torch.cat((source, new)), turns[-1]

    def _decode(self, mel: torch.Tensor, source: torch.Tensor, last: bool) -> torch.Tensor:
        """Return the samples of all cached frames; those at either edge are not final."""
        columns = self.spectrum.forward(source)
        if last:
            return self.samples(self.conv_pre(mel[None]), columns)
        ahead = self.config.conv_pre_look_right
        x = self.conv_pre(mel[None, :, :-PITCH_AHEAD_FRAMES])[:, :, :-ahead]
        columns = columns[:, :, : -ahead * self.config.columns_per_frame]
        return self.samples(x, columns)

    def _forget(self, state: CausalVocoderState, finished: int) -> None:
        """Drop the frames that no later sample depends on."""
        excess = max(finished - HISTORY_FRAMES - state.offset, 0)
        state.mel = state.mel[:, excess:]
        state.source = state.source[excess * SAMPLES_PER_FRAME :]
        state.offset += excess
        state.done = finished
