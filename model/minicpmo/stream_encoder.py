# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ears and eyes of one duplex session: streaming audio state and pictures, on shared weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.audio_input import require_unit_audio
from minicpmo.errors import InputError
from minicpmo.image import count_slices, slice_image
from minicpmo.mel import MelState
from minicpmo.model import OmniModel


class StreamEncoder:
    """Implements :class:`minicpmo.duplex_input.InputEncoder`.

    keep_context: let the frames of the context into the cache, as the half-duplex mode does.
    mel_state, audio_cache: state of the microphone's stream; None without the audio part.
    mel_frames: mel frames of the newest second.
    """

    def __init__(self, model: OmniModel, keep_context: bool = False) -> None:
        self._model = model
        self._keep_context = keep_context
        self.image_rows = model.config.query_num
        self.audio_rows = model.config.audio_rows_per_unit
        self.mel_state = self.audio_cache = None
        self.mel_frames = 0
        if model.apm is not None and model.mel is not None:
            self.mel_state = MelState(model.mel.mel_bins)
            self.audio_cache = model.apm.new_cache()

    def reset(self) -> None:
        """Begin a new conversation."""
        self.mel_frames = 0
        if self.mel_state is not None and self.audio_cache is not None:
            self.mel_state.reset()
            self.audio_cache.reset()

    def check_audio(self, audio: np.ndarray) -> None:
        """Raise InputError if the audio cannot be used; changes nothing."""
        if self._model.apm is None:
            raise InputError('the model was loaded without audio; send pictures only')
        require_unit_audio(audio)

    def image_pieces(self, images: Sequence[np.ndarray], max_slices: Optional[int]) -> list[int]:
        """Return the pieces of every picture; raises InputError; changes nothing."""
        if self._model.vpm is None:
            raise InputError('the model was loaded without vision; send no pictures')
        slicing = self._model.config.slicing
        return [count_slices(image, slicing, max_slices) for image in images]

    @torch.inference_mode()
    def encode_images(
        self, images: Sequence[np.ndarray], max_slices: Optional[int]
    ) -> list[Tensor]:
        """Return one tensor [pieces, image_rows, hidden] per picture, all in one batch."""
        slicing = self._model.config.slicing
        pieces = [slice_image(image, slicing, max_slices) for image in images]
        rows = self._model.encode_slices([piece for picture in pieces for piece in picture])
        return list(rows.split([len(picture) for picture in pieces]))

    @torch.inference_mode()
    def encode_audio(self, audio: np.ndarray) -> Tensor:
        """Return the rows [audio_rows, hidden] of the next second of the stream."""
        model = self._model
        assert model.mel is not None and model.apm is not None
        assert model.audio_projection_layer is not None
        assert self.mel_state is not None and self.audio_cache is not None
        mel = model.mel.step(self.mel_state, audio).to(model.device, model.dtype)
        self.mel_frames = mel.shape[-1]
        frames = model.apm.step(self.audio_cache, mel, drop_context=not self._keep_context)
        return model.audio_projection_layer(frames)[0]
