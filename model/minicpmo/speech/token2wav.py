# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes to 24 kHz sound in one voice: flow and vocoder of either generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import torch

from minicpmo.errors import CheckpointError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.shard import differences
from minicpmo.speech.causal_vocoder import CausalVocoder, CausalVocoderState
from minicpmo.speech.flow import Flow
from minicpmo.speech.flow_cache import FlowState, Generation, Prompt, PromptCache
from minicpmo.speech.noise import SourceNoise
from minicpmo.speech.token2wav_config import Token2WavConfig
from minicpmo.speech.vocoder import Vocoder, VocoderState


class Token2Wav:
    """Loaded sound assets; many streams share them."""

    def __init__(self, flow: Flow, vocoder: Vocoder | CausalVocoder) -> None:
        self.flow, self.vocoder = flow, vocoder

    @classmethod
    def empty(cls, config: Token2WavConfig, generation: Generation) -> Token2Wav:
        """Return the untrained modules, e.g. on the meta device to compare names and shapes."""
        causal = generation is Generation.CAUSAL
        vocoder = CausalVocoder(config.hift) if causal else Vocoder(config.hift)
        return cls(Flow(config.flow, generation), vocoder)

    @classmethod
    def from_tensors(
        cls,
        config: Token2WavConfig,
        generation: Generation,
        flow: Mapping[str, torch.Tensor],
        vocoder: Mapping[str, torch.Tensor],
        device: str | torch.device = 'cpu',
        seed: int = 0,
    ) -> Token2Wav:
        """Return the modules with these weights in float32 on ``device``, ready for use.

        Raises:
            CheckpointError: names every missing, surplus or mis-shaped tensor.
        """
        with torch.device('meta'):
            loaded = cls.empty(config, generation)
        for name, module, tensors in (
            ('flow', loaded.flow, flow),
            ('vocoder', loaded.vocoder, vocoder),
        ):
            assign(name, module, tensors, torch.device(device))
        loaded.flow.prepare(seed)
        loaded.vocoder.prepare()
        return loaded

    def prepare_voice(self, prompt: Prompt) -> PromptCache:
        """Return the caches of a voice; InputError when the prompt does not fit."""
        return self.flow.prepare_prompt(prompt)

    def new_stream(
        self,
        voice: PromptCache,
        noise: Optional[SourceNoise] = None,
        pool: Optional[GraphPool] = None,
    ) -> Token2WavStream:
        """Return an independent stream in this voice, its usual calls captured in ``pool``."""
        return Token2WavStream(self, voice, noise, pool)


class Token2WavStream:
    """Caches of one stream of sound."""

    def __init__(
        self,
        token2wav: Token2Wav,
        voice: PromptCache,
        noise: Optional[SourceNoise] = None,
        pool: Optional[GraphPool] = None,
    ) -> None:
        self._token2wav = token2wav
        self.flow_state: FlowState = token2wav.flow.new_state(voice, pool)
        vocoder = token2wav.vocoder
        self.vocoder_state: VocoderState | CausalVocoderState
        if isinstance(vocoder, Vocoder):
            self.vocoder_state = vocoder.new_state(noise, pool)
        else:
            self.vocoder_state = vocoder.new_state(pool)

    @property
    def flow_steps(self) -> int:
        """Return the steps of the flow."""
        return self._token2wav.flow.config.n_timesteps

    def decode(self, codes: list[int], last: bool) -> torch.Tensor:
        """Return the samples of one block of codes, float32 [n] in [-1, 1] at 24 kHz.

        Args:
            codes: 4 to 28; the last three come again in the next block.
            last: the block ends a turn: all of it comes out. Call :meth:`reset_turn` afterwards.
        """
        mel = self._token2wav.flow(codes, self.flow_state, last)
        return self._token2wav.vocoder(mel, self.vocoder_state, last)

    def reset_turn(self) -> None:
        """Return to the start of a turn; the vocoder's noise goes on."""
        self.flow_state.reset()
        self.vocoder_state.reset_turn()

    def reset(self) -> None:
        """Return to the state right after construction."""
        self.flow_state.reset()
        self.vocoder_state.reset()


def assign(
    name: str,
    module: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    device: torch.device,
) -> None:
    """Give ``module`` the tensors as float32 on ``device``; names and shapes must be equal."""
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    problems = differences(expected, tensors)
    if problems:
        listing = '\n  '.join(problems)
        raise CheckpointError(
            f'{name}: {len(problems)} tensors do not fit; use files of one release:\n  {listing}'
        )
    placed = {key: value.to(device, torch.float32) for key, value in tensors.items()}
    module.load_state_dict(placed, assign=True)
    module.requires_grad_(False).eval()
