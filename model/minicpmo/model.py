# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole model as one module tree with the parameter names of the official checkpoint."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from torch import Tensor, nn

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from minicpmo.config import ModelConfig
from minicpmo.errors import InputError
from minicpmo.image import PatchBatch, batch_patches
from minicpmo.llm import LanguageModel
from minicpmo.mel import LogMel
from minicpmo.resampler import Resampler
from minicpmo.speech.decoder import BACKBONE_TABLE_ROWS, SpeechDecoder
from minicpmo.vision import VisionTower


class OmniModel(nn.Module):
    """Language model, encoders and speech decoder; what the configuration leaves out is None.

    The children are plain modules whose ``forward`` keeps gradients. ``mel`` holds constants.
    """

    def __init__(self, config: ModelConfig, speech_table_rows: int = BACKBONE_TABLE_ROWS) -> None:
        super().__init__()
        self.config = config
        self.llm = LanguageModel(config.llm)
        has_vision, has_audio = config.vision is not None, config.audio is not None
        self.vpm = VisionTower(config) if has_vision else None
        self.resampler = Resampler(config) if has_vision else None
        self.apm = AudioEncoder(config.audio) if config.audio is not None else None
        self.audio_projection_layer = AudioProjector(config) if has_audio else None
        self.tts: Optional[SpeechDecoder] = None
        if config.speech is not None:
            self.tts = SpeechDecoder(config.speech, speech_table_rows)
        self.mel = LogMel(config.audio.num_mel_bins) if config.audio is not None else None

    @property
    def device(self) -> torch.device:
        """Return where the weights are."""
        return self.llm.model.norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of activations and of all weights that are not quantised."""
        return self.llm.model.norm.weight.dtype

    def encode_patches(self, batch: PatchBatch) -> Tensor:
        """Return embedding rows [slices, query_num, hidden]; keeps gradients."""
        vpm, resampler = self._vision()
        return resampler(vpm(batch), batch.sizes)

    def encode_slices(self, slices: list[np.ndarray]) -> Tensor:
        """Return embedding rows [slices, query_num, hidden] of uint8 slices in whole patches."""
        return self.encode_patches(batch_patches(slices, self.config.slicing.patch_size))

    def encode_clip(self, samples: np.ndarray) -> Tensor:
        """Return the rows [n, hidden] of a clip at 16 kHz, in pieces of at most 30 s,
        shorter where the position table is.

        Every frame sees its own second and all before, as in the official offline path.
        """
        if self.mel is None or self.apm is None or self.audio_projection_layer is None:
            raise InputError('the model was loaded without audio; load it with the audio part')
        chunk = round(self.config.audio_chunk_length * self.config.audio_frames_per_unit)
        rows = []
        for mel in self.mel.clip_pieces(samples, self.apm.longest_piece):
            frames = self.apm(mel[None], chunk_frames=chunk)
            rows.append(self.audio_projection_layer(frames)[0])
        return torch.cat(rows)

    def _vision(self) -> tuple[VisionTower, Resampler]:
        if self.vpm is None or self.resampler is None:
            raise InputError('the model was loaded without vision; load it with the vision part')
        return self.vpm, self.resampler
