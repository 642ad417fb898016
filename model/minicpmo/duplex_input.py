# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a duplex session is fed: the system prompt and encoded sound and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

import numpy as np
from torch import Tensor

from minicpmo.tokenizer import TextTokenizer
from minicpmo.unit_sequence import prompt_text


class InputEncoder(Protocol):
    """Turns the sound and pictures of one stream into embedding rows.

    image_rows: rows of one picture piece.
    audio_rows: rows of one second of audio.
    """

    image_rows: int
    audio_rows: int

    def check_audio(self, audio: np.ndarray) -> None:
        """Raise InputError if the audio cannot be used; changes nothing."""

    def image_pieces(self, images: Sequence[np.ndarray], max_slices: Optional[int]) -> list[int]:
        """Return the pieces of every picture; raises InputError; changes nothing."""

    def encode_images(
        self, images: Sequence[np.ndarray], max_slices: Optional[int]
    ) -> list[Tensor]:
        """Return one tensor [pieces, image_rows, hidden] per picture."""

    def encode_audio(self, audio: np.ndarray) -> Tensor:
        """Return the rows [audio_rows, hidden] of the next second of the stream."""

    def reset(self) -> None:
        """Begin a new conversation."""


@dataclass(frozen=True)
class DuplexPrompt:
    """The system prompt: ids, then rows [n, hidden] of the reference voice or None, then ids."""

    prefix_ids: tuple[int, ...]
    voice: Optional[Tensor]
    suffix_ids: tuple[int, ...]

    @classmethod
    def from_text(
        cls, tokenizer: TextTokenizer, instruction: str, voice: Optional[Tensor] = None
    ) -> DuplexPrompt:
        """Return the official prompt around an instruction."""
        prefix, suffix = prompt_text(instruction, voice is not None)
        return cls(tuple(tokenizer.encode(prefix)), voice, tuple(tokenizer.encode(suffix)))

    @property
    def prefix_rows(self) -> int:
        """Return the rows before the suffix."""
        return len(self.prefix_ids) + (0 if self.voice is None else self.voice.shape[0])

    @property
    def rows(self) -> int:
        """Return the rows of the whole prompt."""
        return self.prefix_rows + len(self.suffix_ids)
