# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech of the model in turn-based and half-duplex conversations."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch

from minicpmo.speech.chat_code_stream import ChatCodeStream
from minicpmo.speech.code_buffer import CHAT_THRESHOLD, CodeBuffer
from minicpmo.speech.code_sampler import CHAT_SAMPLING, CodeSampling
from minicpmo.speech.decoder import SpeechDecoder
from minicpmo.speech.flow_cache import PromptCache
from minicpmo.speech.noise import SourceNoise
from minicpmo.speech.sound_stream import SoundStream
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_config import SAMPLE_RATE


class ChatSpeech:
    """Implements ``SpeechSynthesizer`` for replies spoken in chunks of ten text tokens."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        decoder: SpeechDecoder,
        token2wav: Token2Wav,
        voice: PromptCache,
        sampling: CodeSampling = CHAT_SAMPLING,
        attention_type: Optional[str] = None,
        noise: Optional[SourceNoise] = None,
    ) -> None:
        self._codes = ChatCodeStream(decoder, sampling, attention_type)
        stream = token2wav.new_stream(voice, noise)
        self._sound = SoundStream(stream, CodeBuffer(CHAT_THRESHOLD))

    def speak(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> np.ndarray:
        """Return the sound that is due after one chunk of text, float32 [samples], may be empty.

        Raises:
            InputError: ``hidden`` does not fit; nothing has changed.
        """
        del text
        codes = self._codes.generate(token_ids, hidden, end_of_turn)
        return self._sound.push(codes, end_of_turn)

    def reset_turn(self, keep_decoder_context: bool) -> None:
        """Drop pending sound; see ``SpeechSynthesizer.reset_turn``."""
        self._sound.reset_turn()
        if not keep_decoder_context:
            self._codes.reset_turn()

    def reset(self) -> None:
        """Return to the state right after construction."""
        self._sound.reset()
        self._codes.reset()

    def close(self) -> None:
        """Do nothing: memory goes with the object."""
