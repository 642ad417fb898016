# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn-based conversations: messages in, an answer of text and sound out, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from minicpmo.answer import AnswerPiece
from minicpmo.answering_session import AnsweringSession
from minicpmo.chat_encoder import prompt_rows
from minicpmo.chat_prompt import ChatFormat, ChatPromptBuilder, Message
from minicpmo.chat_sampling import CHAT_TEXT_SAMPLING
from minicpmo.errors import ConfigurationError, InputError
from minicpmo.model import OmniModel
from minicpmo.sampling import SamplingOptions
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.tokenizer import TextTokenizer


@dataclass(frozen=True)
class ChatOptions:
    """How a chat session answers.

    context_tokens: size of the key/value cache: the longest prompt with its answer.
    """

    sampling: SamplingOptions = CHAT_TEXT_SAMPLING
    omni: bool = False
    thinking: bool = False
    image_ids: bool = True
    max_slices: int = 9
    max_tokens: int = 2048
    context_tokens: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigurationError for sizes without a meaning."""
        if not 0 < self.max_tokens < self.context_tokens:
            raise ConfigurationError(
                f'max_tokens {self.max_tokens}, context_tokens {self.context_tokens}: use'
                ' 0 < max_tokens < context_tokens'
            )

    def format(self, speech: bool) -> ChatFormat:
        """Return how messages are written."""
        return ChatFormat(self.omni, self.thinking, speech, self.image_ids, self.max_slices)


class ChatSession(AnsweringSession):
    """Answers lists of messages; every answer is computed from its own messages alone.

    speech: None answers in text only.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        speech: Optional[SpeechSynthesizer],
        options: ChatOptions,
    ) -> None:
        super().__init__(
            model,
            tokenizer,
            speech,
            options.context_tokens,
            options.sampling,
            (),
            options.seed,
            options.max_tokens,
        )
        self.options = options
        self._builder_format = options.format(speech is not None)

    def reply(self, messages: Sequence[Message]) -> Iterator[AnswerPiece]:
        """Yield the answer piece by piece; the last piece is ``finished``.

        The messages are checked and fed before this returns; what follows is computed as the
        iterator is read. Stopping to read it, or the next call, stops the answer.

        Raises:
            InputError: the messages cannot be used or are longer than the context.
        """
        self._require_open()
        builder = ChatPromptBuilder(self._model.config, self._tokenizer, self._builder_format)
        prompt = builder.build(messages)
        longest = self.options.context_tokens - 1
        if len(prompt) > longest:
            raise InputError(
                f'the messages have {len(prompt)} tokens and {longest} fit; shorten them or'
                ' enlarge context_tokens'
            )
        rows = prompt_rows(self._model, prompt, self.options.max_slices)
        if self._answer is not None:
            self._answer.cut()
        self.stream.cache.reset()
        if self._speech is not None:
            self._speech.reset()
        return self._begin_answer(self.stream.feed(rows))

    def reply_text(self, messages: Sequence[Message]) -> str:
        """Return the whole text of the answer."""
        return ''.join(piece.text for piece in self.reply(messages))
