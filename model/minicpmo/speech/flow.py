# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Flow-matching decoder: speech codes to mel frames, streaming, in the sound of one voice."""

from __future__ import annotations

from functools import partial
import math
from typing import Optional

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.errors import InputError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.speech.conformer import Encoder, EncoderCache
from minicpmo.speech.dit import DiT, Modulation
from minicpmo.speech.flow_cache import (
    HISTORY_FRAMES,
    STRIDES,
    FlowState,
    Generation,
    Prompt,
    PromptCache,
)
from minicpmo.speech.flow_graph import FlowGraphs
from minicpmo.speech.frame_slots import FrameSlots
from minicpmo.speech.token2wav_config import (
    FRAMES_PER_CODE,
    LOOKAHEAD_CODES,
    SILENCE_CODE,
    FlowConfig,
)

MAX_CODES_PER_CALL = 28
MAX_FRAMES_PER_CALL = FRAMES_PER_CODE * MAX_CODES_PER_CALL
MAX_CACHED_FRAMES = 1000
"""Frames for which the released models are run: prompt, history and one call."""
NOISE_COLUMNS = 30000


FlowStep = tuple[int, Modulation, float]
"""Index of a step's caches, its time modulation and its width."""


class _Decoder(nn.Module):
    """Keeps the official parameter names ``decoder.estimator.*``."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.estimator = DiT(config.estimator)


class Flow(nn.Module):
    """Codes to mel; call :meth:`prepare` once after loading and moving."""

    def __init__(self, config: FlowConfig, generation: Generation) -> None:
        super().__init__()
        self.config, self.generation = config, generation
        self.input_embedding = nn.Embedding(config.vocab_size, config.input_size)
        self.spk_embed_affine_layer = nn.Linear(config.spk_embed_dim, config.output_size)
        self.encoder = Encoder(config.encoder, config.input_size)
        self.encoder_proj = nn.Linear(config.encoder.output_size, config.output_size)
        self.decoder = _Decoder(config)
        self.noise = torch.empty(0)
        self._steps: dict[int, list[FlowStep]] = {}

    @torch.no_grad()
    def prepare(self, seed: int = 0) -> Flow:
        """Compute what no call changes: start noise, projected positions, time modulations."""
        device = self.encoder_proj.weight.device
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(NOISE_COLUMNS, self.config.output_size, generator=generator)
        self.noise = noise.to(device)
        self.encoder.prepare()
        times, widths = diffusion_times(self.config.n_timesteps)
        modulations = self.decoder.estimator.modulations(times.to(device))
        self._steps = {
            stride: strided_steps(list(modulations), widths.tolist(), stride) for stride in STRIDES
        }
        return self

    @torch.no_grad()
    def prepare_prompt(self, prompt: Prompt) -> PromptCache:
        """Run the reference clip through all stages once and return its caches.

        Raises:
            InputError: the clip is too long, or codes, mel and speaker do not fit each other.
        """
        codes = [*prompt.codes, *self._prompt_lookahead(prompt)]
        state, _ = self._run_prompt(prompt, codes, last=False)
        return PromptCache(
            state.prompt.frames,
            state.prompt.speaker,
            state.encoder,
            state.attention,
            state.convolution,
        )

    @torch.no_grad()
    def offline(self, codes: list[int], prompt: Prompt) -> torch.Tensor:
        """Return the mel frames [2 * n, 80] of a whole text's codes, decoded in one piece.

        Every frame sees all others, so this differs a little from the stream.

        Raises:
            InputError: as :meth:`prepare_prompt`, or unknown codes.
        """
        check_codes(codes, self.config.vocab_size)
        _, mel = self._run_prompt(prompt, [*prompt.codes, *codes], last=True)
        return mel[len(prompt.mel) :]

    def _run_prompt(
        self, prompt: Prompt, codes: list[int], last: bool
    ) -> tuple[FlowState, torch.Tensor]:
        """Return caches and mel of codes that begin with the prompt's."""
        self._check_prompt(prompt)
        frames = FRAMES_PER_CODE * (len(codes) - (0 if last else LOOKAHEAD_CODES))
        mel = F.pad(prompt.mel.to(self.noise), (0, 0, 0, frames - len(prompt.mel)))
        speaker = F.normalize(prompt.speaker.to(self.noise), dim=0)
        empty = PromptCache(
            frames,
            self.spk_embed_affine_layer(speaker),
            self.encoder.empty_cache(),
            *self._empty_caches(frames),
        )
        state = FlowState(
            empty, empty.encoder, empty.attention, empty.convolution, FrameSlots(frames)
        )
        return state, self._decode(codes, state, last, mel)

    def _check_prompt(self, prompt: Prompt) -> None:
        frames = FRAMES_PER_CODE * len(prompt.codes)
        limit = MAX_CACHED_FRAMES - HISTORY_FRAMES - MAX_FRAMES_PER_CALL
        if not LOOKAHEAD_CODES <= len(prompt.codes) <= limit // FRAMES_PER_CODE:
            raise InputError(
                f'a voice of {len(prompt.codes) / 25:.1f} s was given; cut the reference clip to '
                f'between 1 and {limit // FRAMES_PER_CODE // 25} s'
            )
        for name, found, expected in (
            ('mel', tuple(prompt.mel.shape), (frames, self.config.output_size)),
            ('speaker', tuple(prompt.speaker.shape), (self.config.spk_embed_dim,)),
        ):
            if found != expected:
                raise InputError(f'voice {name} has shape {found}, {expected} is needed')
        check_codes(prompt.codes, self.config.vocab_size)

    def _prompt_lookahead(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the codes behind the prompt, whose sound is never made."""
        if self.generation is Generation.CAUSAL:
            return prompt.codes[:LOOKAHEAD_CODES]
        return (SILENCE_CODE,) * LOOKAHEAD_CODES

    def _empty_caches(self, capacity: int) -> tuple[torch.Tensor, torch.Tensor]:
        shape, steps = self.config.estimator, self.config.n_timesteps
        # Advanced in place by calls inside and outside inference mode.
        with torch.inference_mode(False):
            attention = self.noise.new_zeros(
                steps, shape.depth, 2, shape.num_heads, capacity, 2 * shape.head_dim
            )
            convolution = self.noise.new_zeros(steps, shape.depth, 2, 2 * shape.hidden_size, 2)
        return attention, convolution

    @torch.no_grad()
    def new_state(self, prompt: PromptCache, pool: Optional[GraphPool] = None) -> FlowState:
        """Return the caches of a new stream at the start of a turn.

        pool: where the diffusion steps of the stream are captured.
        """
        capacity = prompt.frames + HISTORY_FRAMES + MAX_FRAMES_PER_CALL
        # The last place is for padding frames and never valid.
        caches = self._empty_caches(capacity + 1)
        state = FlowState(prompt, prompt.encoder, *caches, FrameSlots(capacity))
        if pool is not None:
            shapes = self.config.output_size, self.config.estimator.hidden_size
            like = tuple(self.noise.new_empty(0, size) for size in shapes)
            steps = {
                stride: [partial(self.advance, state, step) for step in steps]
                for stride, steps in self._steps.items()
            }
            state.graphs = FlowGraphs(steps, like, capacity, pool)
        state.reset()
        return state

    @torch.no_grad()
    def forward(self, codes: list[int], state: FlowState, last: bool) -> torch.Tensor:
        """Return mel frames [2 * (n - 3), 80], or [2 * n, 80] for the last codes of a turn.

        Args:
            codes: 4 to 28 codes (1 to 28 with ``last``); the last three are looked at and come
                again at the beginning of the next call.

        Raises:
            InputError: too few, too many or unknown codes; nothing has changed.
        """
        least = 1 if last else LOOKAHEAD_CODES + 1
        if not least <= len(codes) <= MAX_CODES_PER_CALL:
            raise InputError(
                f'{len(codes)} speech codes given, {least} to {MAX_CODES_PER_CALL} can be decoded'
            )
        check_codes(codes, self.config.vocab_size)
        mel = self._decode(codes, state, last, None)
        state.trim(self.generation)
        return mel

    def encode(
        self, codes: list[int], cache: EncoderCache, last: bool
    ) -> tuple[torch.Tensor, EncoderCache]:
        """Return the encoder's states [frames, width] and its next cache."""
        ids = torch.tensor(codes, dtype=torch.long, device=self.noise.device)
        return self.encoder(self.input_embedding(ids), cache, last)

    def _decode(
        self, codes: list[int], state: FlowState, last: bool, prompt_mel: Optional[torch.Tensor]
    ) -> torch.Tensor:
        states, state.encoder = self.encode(codes, state.encoder, last)
        mu = self.encoder_proj(states)
        prompt_mel = torch.zeros_like(mu) if prompt_mel is None else prompt_mel
        condition = self.decoder.estimator.project_condition(mu, state.prompt.speaker, prompt_mel)
        first = len(state.slots)
        slots, noise = state.slots.take(len(mu)), self.noise[first : first + len(mu)]
        if state.graphs is not None:
            used = state.slots.used()
            return state.graphs.integrate(noise, condition, slots, used, state.stride)
        mask = torch.zeros(1, state.attention.shape[-2], dtype=torch.bool, device=mu.device)
        mask[0, state.slots.used()] = True
        places = torch.tensor(slots, device=mu.device)
        for step in self._steps[state.stride]:
            noise = self.advance(state, step, noise, condition, places, mask)
        return noise

    def advance(
        self,
        state: FlowState,
        step: FlowStep,
        x: torch.Tensor,
        condition: torch.Tensor,
        slots: torch.Tensor,
        mask: torch.Tensor,
        tail: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Return the frames x [n, mel] moved on by one diffusion step."""
        rate = self.config.inference_cfg_rate
        index, modulation, width = step
        velocity = self.decoder.estimator(
            x,
            condition,
            modulation,
            state.attention[index],
            state.convolution[index],
            slots,
            mask,
            tail,
        )
        return x + width * ((1.0 + rate) * velocity[0] - rate * velocity[1])


def strided_steps(
    modulations: list[Modulation], widths: list[float], stride: int
) -> list[FlowStep]:
    """Return every ``stride``-th step, each as wide as those it stands for."""
    return [
        (index, modulations[index], sum(widths[index : index + stride]))
        for index in range(0, len(widths), stride)
    ]


def diffusion_times(steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the times of the steps and their widths, float32 [steps] each (cosine schedule)."""
    grid = 1 - torch.cos(torch.linspace(0, 1, steps + 1) * 0.5 * math.pi)
    return grid[:-1], grid.diff()


def check_codes(codes: list[int] | tuple[int, ...], count: int) -> None:
    """Raise InputError unless all codes are in [0, count)."""
    for code in codes:
        if not 0 <= code < count:
            raise InputError(f'speech code {code} given, this flow knows 0 to {count - 1}')
