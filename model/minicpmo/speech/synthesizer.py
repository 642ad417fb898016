# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech of the model itself: what was said becomes 24 kHz sound, in every mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Optional

import numpy as np
import torch

from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.side_stream import SideStream
from minicpmo.speech.chat_code_stream import ChatCodeStream
from minicpmo.speech.code_buffer import CHAT_THRESHOLD, DUPLEX_THRESHOLD, CodeBuffer
from minicpmo.speech.code_sampler import CHAT_SAMPLING, CodeSampling
from minicpmo.speech.code_stream import CodeTrace, DuplexCodeStream
from minicpmo.speech.decoder import SpeechDecoder
from minicpmo.speech.flow_cache import PromptCache
from minicpmo.speech.noise import SourceNoise
from minicpmo.speech.sound_stream import SoundStream, VocoderCall
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_config import SAMPLE_RATE

UNIT_SAMPLES = SAMPLE_RATE


class ModelSpeech:
    """Implements ``SpeechSynthesizer``; weights and voice are shared.

    Made by :meth:`duplex` or :meth:`turn_based`, which differ in how codes are drawn and in how
    short sound is padded.

    least_samples: every call inside a turn yields at least so many; a shorter one is preceded by
        silence.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        codes: DuplexCodeStream | ChatCodeStream,
        sound: SoundStream,
        device: torch.device,
        least_samples: int = 0,
    ) -> None:
        self._codes = codes
        self._sound = sound
        self._stream = SideStream(device)
        self._least_samples = least_samples

    @classmethod
    def duplex(
        cls,
        decoder: SpeechDecoder,
        token2wav: Token2Wav,
        voice: PromptCache,
        sampling: Optional[CodeSampling] = None,
        noise: Optional[SourceNoise] = None,
        pool: Optional[GraphPool] = None,
    ) -> ModelSpeech:
        """Return the speech of a duplex session.

        Every unit inside a turn lasts at least a second, as in the official code.

        pool: where the fixed-shape steps are captured; None runs everything as it comes.
        """
        codes = DuplexCodeStream(decoder, sampling or CodeSampling(), pool)
        stream = token2wav.new_stream(voice, noise, pool)
        sound = SoundStream(stream, CodeBuffer(DUPLEX_THRESHOLD))
        return cls(codes, sound, decoder.device, least_samples=UNIT_SAMPLES)

    @classmethod
    def turn_based(
        cls,
        decoder: SpeechDecoder,
        token2wav: Token2Wav,
        voice: PromptCache,
        sampling: CodeSampling = CHAT_SAMPLING,
        noise: Optional[SourceNoise] = None,
    ) -> ModelSpeech:
        """Return the speech of replies that are spoken in chunks of ten text tokens."""
        codes = ChatCodeStream(decoder, sampling)
        sound = SoundStream(token2wav.new_stream(voice, noise), CodeBuffer(CHAT_THRESHOLD))
        return cls(codes, sound, decoder.device)

    @property
    def trace(self) -> CodeTrace:
        """Return what the decoder did in the last duplex unit."""
        assert isinstance(self._codes, DuplexCodeStream)
        return self._codes.trace

    @property
    def vocoder_calls(self) -> list[VocoderCall]:
        """Return the vocoder calls of the last unit."""
        return self._sound.calls

    @property
    def buffered_codes(self) -> int:
        """Return how many codes wait for their look-ahead."""
        return len(self._sound.buffer)

    @property
    def decoder_position(self) -> int:
        """Return where the next unit's condition begins in the decoder's context."""
        return self._codes.length

    def speak(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> np.ndarray:
        """Return the sound that is due, float32 [samples]; see ``SpeechSynthesizer.speak``."""
        return self.begin(token_ids, hidden, text, end_of_turn)()

    def begin(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> Callable[[], np.ndarray]:
        """Launch one unit and return what waits for its sound; see ``DeferredSpeech``."""
        del text
        with self._stream.begin():
            if hidden is not None:
                self._stream.keep(hidden)
            if isinstance(self._codes, DuplexCodeStream):
                self._codes.begin(token_ids, hidden, end_of_turn)
                return partial(self._sound_of, self._codes.finish, end_of_turn)
            codes = self._codes.generate(token_ids, hidden, end_of_turn)
            return partial(self._sound_of, lambda: codes, end_of_turn)

    def _sound_of(self, codes: Callable[[], list[int]], end_of_turn: bool) -> np.ndarray:
        with self._stream.resume():
            sound = self._sound.push(codes(), end_of_turn)
        missing = 0 if end_of_turn else max(self._least_samples - sound.size, 0)
        return np.pad(sound, (missing, 0))

    @property
    def flow_steps(self) -> int:
        """Return the steps of the flow."""
        return self._sound.flow_steps

    def set_flow_stride(self, stride: int) -> None:
        """Compute fewer steps; see ``SpeechSynthesizer.set_flow_stride``."""
        self._sound.set_flow_stride(stride)

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
