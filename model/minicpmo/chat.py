# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn-based conversations: messages in, an answer of text and sound out, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from minicpmo.answer import AnswerPiece, AnswerStream
from minicpmo.chat_encoder import prompt_rows
from minicpmo.chat_prompt import ChatFormat, ChatPromptBuilder, Message
from minicpmo.chat_sampling import CHAT_TEXT_SAMPLING, ChatChooser
from minicpmo.errors import ConfigurationError, InputError, SessionStateError
from minicpmo.language_stream import LanguageStream
from minicpmo.model import OmniModel
from minicpmo.sampling import SamplingOptions
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.tokenizer import TextTokenizer

STOP_NAMES = ('<|im_end|>', '<|endoftext|>')
SPEECH_STOP_NAMES = (*STOP_NAMES, '<|tts_eos|>')


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


class ChatSession:
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
        self.options = options
        self.stream = LanguageStream(model.llm, options.context_tokens)
        self._model = model
        self._tokenizer = tokenizer
        self._speech = speech
        self._chooser = ChatChooser(
            model.config.llm.vocab_size, options.sampling, (), options.seed, model.device
        )
        names = STOP_NAMES if speech is None else SPEECH_STOP_NAMES
        self._stop_ids = frozenset(tokenizer.token_id(name) for name in names)
        self._builder_format = options.format(speech is not None)
        self._answer: Optional[AnswerStream] = None
        self._closed = False

    @property
    def sample_rate(self) -> int:
        """Return the rate of the spoken answer [Hz], 0 without speech."""
        return 0 if self._speech is None else self._speech.sample_rate

    def reply(self, messages: Sequence[Message]) -> Iterator[AnswerPiece]:
        """Yield the answer piece by piece; the last piece is ``finished``.

        The messages are checked and fed before this returns; what follows is computed as the
        iterator is read. Stopping to read it, or the next call, stops the answer.

        Raises:
            InputError: the messages cannot be used or are longer than the context.
        """
        if self._closed:
            raise SessionStateError('the session is closed; open a new one')
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
        hidden = self.stream.feed(rows)
        self._answer = AnswerStream(
            self.stream,
            self._tokenizer,
            self._chooser,
            self._speech,
            self._stop_ids,
            self.options.max_tokens,
        )
        return self._answer.decode(hidden)

    def reply_text(self, messages: Sequence[Message]) -> str:
        """Return the whole text of the answer."""
        return ''.join(piece.text for piece in self.reply(messages))

    def close(self) -> None:
        """Free the cache; idempotent."""
        if not self._closed:
            self._closed = True
            self.stream.cache.release()
            if self._speech is not None:
                self._speech.close()
