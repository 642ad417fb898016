# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Half-duplex conversations: input streams in, then an answer streams out, in turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.answer import AnswerPiece
from minicpmo.answering_session import AnsweringSession
from minicpmo.chat_encoder import prompt_rows
from minicpmo.chat_prompt import ChatFormat, ChatPromptBuilder, Content, Message
from minicpmo.chat_sampling import HALF_DUPLEX_TEXT_SAMPLING, unspoken_ids
from minicpmo.errors import ConfigurationError, InputError, SessionStateError
from minicpmo.model import OmniModel
from minicpmo.sampling import SamplingOptions
from minicpmo.special_token import SpecialTokens
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.stream_encoder import StreamEncoder
from minicpmo.tokenizer import TextTokenizer

ROUND_RESERVE = 2048
"""Rows kept free above the window for the round that is going on."""
USER_OPENING = '<|im_start|>user\n'
MESSAGE_END = '<|im_end|>\n'
SPEECH_END = '<|tts_eos|>'


@dataclass(frozen=True)
class HalfDuplexOptions:
    """How a half-duplex session behaves.

    window_high, window_low: above high tokens the oldest rounds are dropped down to low.
    """

    sampling: SamplingOptions = HALF_DUPLEX_TEXT_SAMPLING
    window_high: int = 8000
    window_low: int = 6000
    max_slices: int = 1
    max_tokens: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigurationError for limits that contradict each other."""
        if not 0 < self.window_low <= self.window_high:
            raise ConfigurationError(
                f'window_low {self.window_low}, window_high {self.window_high}: use'
                ' 0 < low <= high'
            )


class HalfDuplexSession(AnsweringSession):
    """Listens piece by piece, answers when asked, forgets whole rounds.

    A round is what the user gave and the answer to it. Listening while an answer is still being
    read cuts the answer.

    system: content of the system message, such as a voice prompt.
    speech: None answers in text only.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        speech: Optional[SpeechSynthesizer],
        system: Sequence[Content],
        options: HalfDuplexOptions,
    ) -> None:
        super().__init__(
            model,
            tokenizer,
            speech,
            options.window_high + ROUND_RESERVE,
            options.sampling,
            () if speech is None else unspoken_ids(tokenizer),
            options.seed,
            options.max_tokens,
        )
        self.options = options
        self._tokens = SpecialTokens.from_tokenizer(tokenizer)
        self._encoder = StreamEncoder(model, keep_context=True)
        self._format = ChatFormat(
            omni=True, speech=speech is not None, image_ids=False, max_slices=options.max_slices
        )
        self._round_starts: deque[int] = deque()
        self._system_rows = self._feed_system(system)

    def listen(
        self,
        audio: Optional[np.ndarray] = None,
        images: Sequence[np.ndarray] = (),
        text: str = '',
    ) -> None:
        """Take one piece of the user's input: a second of sound, pictures, text, or several.

        Args:
            audio: float32 [16000], the next second of the stream.
            images: uint8 [height, width, 3] each.
            text: plain text.

        Raises:
            InputError: the piece cannot be used; the session is unchanged.
            ContextOverflowError: this round alone is longer than the window.
        """
        self._require_open()
        if audio is None and not images and not text:
            raise InputError('the piece is empty; pass audio, images or text')
        if audio is not None:
            self._encoder.check_audio(audio)
        content = Message('user', (*images, *((text,) if text else ()))).content
        begins = not self._round_starts or self._answer is not None
        dropped = self._rounds_to_drop() if begins else 0
        # What ends the last answer is dropped with it.
        closing = self._closing() if dropped < len(self._round_starts) else ''
        builder = self._new_builder()
        builder.add_text(closing + USER_OPENING if begins else '')
        builder.add_content(content)
        prompt = builder.finish()
        sound_rows = 0 if audio is None else self._encoder.audio_rows + 2
        self.stream.cache.require(len(prompt) + sound_rows - self._rows_of(dropped))
        rows = [prompt_rows(self._model, prompt, self.options.max_slices)] if len(prompt) else []
        if audio is not None:
            rows += self._sound(audio)
        if begins:
            self._begin_round(dropped, len(self._tokenizer.encode(closing)))
        self.stream.feed(torch.cat(rows))

    def reply(self) -> Iterator[AnswerPiece]:
        """Yield the answer to what was heard, piece by piece; the last piece is ``finished``.

        Raises:
            SessionStateError: nothing was heard since the last answer.
        """
        self._require_open()
        if self._answer is not None or not self._round_starts:
            raise SessionStateError('there is nothing to answer; call listen first')
        hidden = self.stream.feed_ids(
            self._tokenizer.encode(MESSAGE_END + self._format.generation_prompt)
        )
        return self._begin_answer(hidden)

    def interrupt(self) -> None:
        """Cut the answer that is being read; a no-op without one."""
        self._require_open()
        if self._answer is None or self._answer.stop_id is not None:
            return
        self._answer.cut()
        if self._speech is not None:
            self._speech.reset_turn(keep_decoder_context=False)

    def reset(self) -> None:
        """Begin a new conversation behind the same system message."""
        self._require_open()
        self.interrupt()
        self._answer = None
        self._round_starts.clear()
        self._encoder.reset()
        self.stream.cache.truncate(self._system_rows)
        if self._speech is not None:
            self._speech.reset()

    def _closing(self) -> str:
        """Return what ends the last answer before the user's next message."""
        if self._answer is None:
            return ''
        spoke = self._speech is not None and self._answer.stop_id != self._tokens.message_end
        return (SPEECH_END if spoke else '') + MESSAGE_END

    def _begin_round(self, dropped: int, closing_rows: int) -> None:
        """Cut what is left of the answer and forget the oldest rounds."""
        self.interrupt()
        self._answer = None
        removed = self._rows_of(dropped)
        self.stream.cache.evict(self._system_rows, removed)
        starts = list(self._round_starts)[dropped:]
        self._round_starts = deque(start - removed for start in starts)
        self._round_starts.append(self.stream.length + closing_rows)

    def _rounds_to_drop(self) -> int:
        """Return how many of the oldest rounds a full window loses."""
        if self.stream.length <= self.options.window_high:
            return 0
        count, excess = 0, self.stream.length - self.options.window_low
        while count < len(self._round_starts) and self._rows_of(count) < excess:
            count += 1
        return count

    def _rows_of(self, rounds: int) -> int:
        """Return the rows of the oldest rounds together."""
        starts = self._round_starts
        end = starts[rounds] if rounds < len(starts) else self.stream.length
        return end - self._system_rows if rounds else 0

    def _feed_system(self, system: Sequence[Content]) -> int:
        """Feed the system message; return its rows."""
        if not system:
            return 0
        builder = self._new_builder()
        builder.add_text('<|im_start|>system\n')
        builder.add_content(Message('system', tuple(system)).content)
        builder.add_text(MESSAGE_END)
        prompt = builder.finish()
        if len(prompt) >= self.options.window_low:
            raise InputError(
                f'the system message has {len(prompt)} tokens and the window'
                f' {self.options.window_low}; shorten it or enlarge the window'
            )
        self.stream.feed(prompt_rows(self._model, prompt, self.options.max_slices))
        return len(prompt)

    def _sound(self, audio: np.ndarray) -> list[Tensor]:
        tokens = self._tokens
        rows = self._encoder.encode_audio(audio)
        begin, end = (
            self.stream.embed((token,)) for token in (tokens.audio_begin, tokens.audio_end)
        )
        return [begin, rows, end]

    def _new_builder(self) -> ChatPromptBuilder:
        return ChatPromptBuilder(self._model.config, self._tokenizer, self._format)
