# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes one answer of a turn-based conversation as a stream of text and sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.chat_sampling import ChatChooser
from minicpmo.language_stream import LanguageStream
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.text_stream import TextStream
from minicpmo.tokenizer import TextTokenizer

TOKENS_PER_CHUNK = 10
"""Text tokens that are spoken together."""


@dataclass(frozen=True)
class AnswerPiece:
    """What became ready at one moment: some text, or some sound, or the end.

    speech: float32 [samples] or None.
    """

    text: str = ''
    speech: Optional[np.ndarray] = None
    finished: bool = False


@dataclass
class SpokenChunk:
    """Ids and states that will be spoken together."""

    ids: list[int] = field(default_factory=list)
    hidden: list[Tensor] = field(default_factory=list)
    text: str = ''

    def clear(self) -> None:
        """Begin the next chunk."""
        self.ids.clear()
        self.hidden.clear()
        self.text = ''


class AnswerStream:
    """Decodes one answer behind what is in the cache; every decoded token but the last is fed.

    stop_ids: ids that end the answer; they are not fed.
    ids: decoded so far.
    stop_id: the id that ended the answer, None while it goes on or when it was cut.
    """

    def __init__(
        self,
        stream: LanguageStream,
        tokenizer: TextTokenizer,
        chooser: ChatChooser,
        speech: Optional[SpeechSynthesizer],
        stop_ids: frozenset[int],
        max_tokens: int,
    ) -> None:
        self._stream = stream
        self._tokenizer = tokenizer
        self._chooser = chooser
        self._speech = speech
        self._stop_ids = stop_ids
        self._max_tokens = max_tokens
        self._chunk = SpokenChunk()
        self._cut = False
        self.ids: list[int] = []
        self.stop_id: Optional[int] = None

    def cut(self) -> None:
        """End the answer where it is: whoever still reads it gets nothing more."""
        self._cut = True

    def decode(self, hidden: Tensor) -> Iterator[AnswerPiece]:
        """Yield the answer that follows the row with the state ``hidden`` [hidden]."""
        self._chooser.begin_answer()
        text = TextStream(self._tokenizer)
        limit = min(self._max_tokens, self._stream.cache.room)
        while len(self.ids) < limit:
            token = self._chooser.choose(self._stream.logits(hidden))
            if token in self._stop_ids:
                self.stop_id = token
                break
            self.ids.append(token)
            hidden = self._stream.feed_ids((token,))
            piece = text.push(token)
            if piece:
                yield AnswerPiece(piece)
            if not self._cut:
                yield from self._speak(token, hidden, piece)
            if self._cut:
                return
        rest = text.finish()
        if rest:
            yield AnswerPiece(rest)
        yield AnswerPiece(speech=self._speak_chunk(rest, end_of_turn=True), finished=True)

    def _speak(self, token: int, hidden: Tensor, text: str) -> Iterator[AnswerPiece]:
        """Collect a token; yield the sound of a full chunk."""
        if self._speech is None:
            return
        self._chunk.ids.append(token)
        self._chunk.hidden.append(hidden)
        self._chunk.text += text
        if len(self._chunk.ids) == TOKENS_PER_CHUNK:
            sound = self._speak_chunk('', end_of_turn=False)
            if sound is not None:
                yield AnswerPiece(speech=sound)

    def _speak_chunk(self, text: str, end_of_turn: bool) -> Optional[np.ndarray]:
        if self._speech is None:
            return None
        chunk = self._chunk
        hidden = torch.stack(chunk.hidden) if chunk.hidden else None
        sound = self._speech.speak(list(chunk.ids), hidden, chunk.text + text, end_of_turn)
        chunk.clear()
        return sound if sound.size else None
