# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ids of the special tokens that structure a conversation, looked up by name once."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Protocol

TOKEN_NAMES = {
    'unit_begin': '<unit>',
    'unit_end': '</unit>',
    'image_begin': '<image>',
    'image_end': '</image>',
    'slice_begin': '<slice>',
    'slice_end': '</slice>',
    'audio_begin': '<|audio_start|>',
    'audio_end': '<|audio_end|>',
    'listen': '<|listen|>',
    'speak': '<|speak|>',
    'speech_begin': '<|tts_bos|>',
    'speech_end': '<|tts_eos|>',
    'speech_pad': '<|tts_pad|>',
    'chunk_end': '<|chunk_eos|>',
    'speech_chunk_end': '<|chunk_tts_eos|>',
    'turn_end': '<|turn_eos|>',
    'message_begin': '<|im_start|>',
    'message_end': '<|im_end|>',
    'placeholder': '<unk>',
}


class TokenNames(Protocol):
    """The part of a tokenizer that is needed here."""

    def token_id(self, name: str) -> int:
        """Return the id of a special token; raises ConfigurationError when it is unknown."""


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of all special tokens the engine feeds or reacts to.

    ``message_end`` is also the tokenizer's end-of-text token, which the official token choice
    rules call their "listen id".
    """

    unit_begin: int
    unit_end: int
    image_begin: int
    image_end: int
    slice_begin: int
    slice_end: int
    audio_begin: int
    audio_end: int
    listen: int
    speak: int
    speech_begin: int
    speech_end: int
    speech_pad: int
    chunk_end: int
    speech_chunk_end: int
    turn_end: int
    message_begin: int
    message_end: int
    placeholder: int

    @classmethod
    def from_tokenizer(cls, tokenizer: TokenNames) -> SpecialTokens:
        """Look every token up by its name."""
        return cls(**{f.name: tokenizer.token_id(TOKEN_NAMES[f.name]) for f in fields(cls)})

    @property
    def unit_terminators(self) -> frozenset[int]:
        """Return the ids that end the decoding of a unit."""
        return frozenset((self.listen, self.chunk_end, self.speech_chunk_end))

    @property
    def all_ids(self) -> frozenset[int]:
        """Return every id of this table; none of them is text."""
        return frozenset(astuple(self))
