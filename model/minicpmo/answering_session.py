# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What turn-based and half-duplex sessions share: one answer at a time, and an end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from torch import Tensor

from minicpmo.answer import AnswerPiece, AnswerStream
from minicpmo.chat_sampling import ChatChooser
from minicpmo.errors import SessionStateError
from minicpmo.language_stream import LanguageStream
from minicpmo.model import OmniModel
from minicpmo.sampling import SamplingOptions
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.tokenizer import TextTokenizer

STOP_NAMES = ('<|im_end|>', '<|endoftext|>')
SPEECH_STOP_NAMES = (*STOP_NAMES, '<|tts_eos|>')


class AnsweringSession:
    """Base of the sessions that answer when asked.

    capacity: size of the key/value cache [tokens].
    speech: None answers in text only.
    forbidden: ids that are never chosen.
    max_tokens: longest answer.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        speech: Optional[SpeechSynthesizer],
        capacity: int,
        sampling: SamplingOptions,
        forbidden: Sequence[int],
        seed: int,
        max_tokens: int,
    ) -> None:
        self.stream = LanguageStream(model.llm, capacity)
        self._model = model
        self._tokenizer = tokenizer
        self._speech = speech
        self._chooser = ChatChooser(
            model.config.llm.vocab_size, sampling, forbidden, seed, model.device
        )
        names = STOP_NAMES if speech is None else SPEECH_STOP_NAMES
        self._stop_ids = frozenset(tokenizer.token_id(name) for name in names)
        self._max_tokens = max_tokens
        self._answer: Optional[AnswerStream] = None
        self._closed = False

    @property
    def sample_rate(self) -> int:
        """Return the rate of the spoken answer [Hz], 0 without speech."""
        return 0 if self._speech is None else self._speech.sample_rate

    def close(self) -> None:
        """Free the cache; idempotent."""
        if not self._closed:
            self._closed = True
            self.stream.cache.release()
            if self._speech is not None:
                self._speech.close()

    def _begin_answer(self, hidden: Tensor) -> Iterator[AnswerPiece]:
        """Return the pieces of the answer behind the row with the state ``hidden`` [hidden]."""
        self._answer = AnswerStream(
            self.stream,
            self._tokenizer,
            self._chooser,
            self._speech,
            self._stop_ids,
            self._max_tokens,
        )
        return self._answer.decode(hidden)

    def _require_open(self) -> None:
        if self._closed:
            raise SessionStateError('the session is closed; open a new one')
