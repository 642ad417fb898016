# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes of a turn-based reply, one chunk of text after the other."""

from __future__ import annotations

from typing import Optional

import torch

from minicpmo.errors import ConfigurationError
from minicpmo.speech.chat_context import CONTEXTS, ChatChunk, ChatContext
from minicpmo.speech.code_sampler import CHAT_SAMPLING, CodeSampler, CodeSampling
from minicpmo.speech.condition import chat_condition
from minicpmo.speech.decoder import SpeechDecoder

MAX_CODES_PER_CHUNK = 500
"""20 s of speech for ten text tokens: only a decoder that never ends comes so far."""


class ChatCodeStream:
    """The speech-token decoder of one chat session.

    attention_type: full_attention, sliding_window, sliding_recompute or reindex; that of the
    model's configuration where not given.
    """

    def __init__(
        self,
        decoder: SpeechDecoder,
        sampling: CodeSampling = CHAT_SAMPLING,
        attention_type: Optional[str] = None,
    ) -> None:
        kind = attention_type or decoder.config.attention_type
        if kind not in CONTEXTS:
            known = ', '.join(CONTEXTS)
            raise ConfigurationError(f'attention type {kind!r} given; known are {known}')
        self._decoder = decoder
        self._sampler = CodeSampler(sampling, decoder.config.num_audio_tokens, decoder.device)
        self._cache = decoder.new_cache()
        self._context: ChatContext = CONTEXTS[kind](decoder, self._cache)
        self._chunks: list[ChatChunk] = []
        self.restarts = 0

    @property
    def length(self) -> int:
        """Return the rows in the cache."""
        return self._cache.length

    def reset_turn(self) -> None:
        """Drop the context; the next chunk begins a reply."""
        self._cache.reset()
        self._chunks.clear()
        self._sampler.forget()

    def reset(self) -> None:
        """Return to the state right after construction."""
        self.reset_turn()
        self._sampler.reset()
        self.restarts = 0

    @torch.no_grad()
    def generate(
        self, token_ids: list[int], hidden: Optional[torch.Tensor], end_of_turn: bool
    ) -> list[int]:
        """Return the codes of one chunk of text; ``end_of_turn`` marks the reply's last one.

        Raises:
            InputError: hidden does not fit the ids; nothing has changed.
        """
        condition = chat_condition(self._decoder, token_ids, hidden, end_of_turn)
        rows = self._context.begin(condition, self._chunks)
        if self._cache.length + len(rows) + MAX_CODES_PER_CHUNK > self._cache.capacity:
            rows = self._restart(condition)
        chunk = ChatChunk(condition)
        self._draw(rows, chunk)
        self._remember(chunk)
        if end_of_turn:
            self.reset_turn()
        return chunk.codes

    def _restart(self, condition: torch.Tensor) -> torch.Tensor:
        """Begin a new context where a reply is longer than the decoder has positions."""
        self._cache.reset()
        self._chunks.clear()
        self.restarts += 1
        return condition

    def _remember(self, chunk: ChatChunk) -> None:
        """Keep the first chunk and the newest one; no attention type looks at others."""
        del self._chunks[1:]
        self._chunks.append(chunk)

    def _draw(self, rows: torch.Tensor, chunk: ChatChunk) -> None:
        while len(chunk.codes) < MAX_CODES_PER_CHUNK:
            first = self._context.first_row()  # a sliding window makes room here
            if self._cache.length + len(rows) >= self._cache.capacity:
                break  # a small decoder has fewer positions than the limit
            hidden = self._decoder.feed(rows, self._cache, first)
            scores = self._sampler.scores(self._decoder.logits(hidden), end_allowed=True)
            self._sampler.refresh()
            code = self._sampler.choose(scores)
            if code == self._sampler.end_code:
                return
            chunk.codes.append(code)
            self._sampler.accept(code)
            rows = self._decoder.code_rows([code])
        # All codes of a chunk are in the context, also where no end code was drawn.
        self._decoder.feed(rows, self._cache, self._context.first_row())
