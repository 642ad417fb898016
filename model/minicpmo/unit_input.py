# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks one unit of input and turns it into embedding rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Optional

import torch
from torch import Tensor

from minicpmo.duplex_input import InputEncoder
from minicpmo.errors import InputError
from minicpmo.language_stream import LanguageStream
from minicpmo.protocol import Unit, UnitTimings
from minicpmo.special_token import SpecialTokens
from minicpmo.speech.flow_cache import STRIDES
from minicpmo.tokenizer import TextTokenizer
from minicpmo.unit_sequence import IdPart, Part, RowSource, unit_input_parts


@dataclass
class EncodedInput:
    """Sound and pictures of a unit after their encoders.

    audio: [audio_rows, hidden], None without sound. images: [pieces, image_rows, hidden] each.
    """

    unit: Unit
    audio: Optional[Tensor] = None
    images: list[Tensor] = field(default_factory=list)
    timings: UnitTimings = field(default_factory=UnitTimings)

    def has_sound_of(self, unit: Unit) -> bool:
        """Return whether the sound of ``unit``, the same array, is encoded here."""
        return unit.audio is not None and unit.audio is self.unit.audio

    def has_pictures_of(self, unit: Unit) -> bool:
        """Return whether the pictures of ``unit``, the same arrays, are encoded here."""
        mine, theirs = self.unit.images, unit.images
        same = len(mine) == len(theirs) and all(a is b for a, b in zip(mine, theirs, strict=True))
        return same and self.unit.max_slices == unit.max_slices


class UnitInput:
    """The input side of one session."""

    def __init__(
        self,
        tokens: SpecialTokens,
        tokenizer: TextTokenizer,
        encoder: InputEncoder,
        stream: LanguageStream,
        clock: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._stream = stream
        self._clock = clock

    def reset(self) -> None:
        """Begin a new conversation."""
        self._encoder.reset()

    def plan(self, unit: Unit) -> list[Part]:
        """Return the parts the unit will feed; raises InputError and changes nothing."""
        if unit.audio is None and not unit.images:
            raise InputError(f'unit {unit.index} has neither audio nor pictures; pass one of them')
        if unit.flow_stride not in STRIDES:
            raise InputError(f'flow_stride is {unit.flow_stride!r}; use one of {STRIDES}')
        pieces = self._encoder.image_pieces(unit.images, unit.max_slices) if unit.images else []
        if unit.audio is not None:
            self._encoder.check_audio(unit.audio)
        return unit_input_parts(
            self._tokens,
            pieces,
            0 if unit.audio is None else self._encoder.audio_rows,
            self._encoder.image_rows,
            self._note_ids(unit.notes),
        )

    def encode(self, unit: Unit, ahead: Optional[EncodedInput] = None) -> EncodedInput:
        """Return the rows of sound and pictures; what is encoded ahead is not encoded again.

        The audio stream moves on a second, unless this second was heard ahead.
        """
        encoded = EncodedInput(unit)
        if ahead is not None and ahead.has_sound_of(unit):
            encoded.audio, encoded.timings = ahead.audio, ahead.timings
        started = self._clock()
        if ahead is not None and ahead.has_pictures_of(unit):
            encoded.images, encoded.timings.vision = ahead.images, ahead.timings.vision
        elif unit.images:
            encoded.images = self._encoder.encode_images(unit.images, unit.max_slices)
            encoded.timings.vision += self._clock() - started
        if unit.audio is not None and encoded.audio is None:
            started = self._clock()
            encoded.audio = self._encoder.encode_audio(unit.audio)
            encoded.timings.audio = self._clock() - started
        return encoded

    def rows(self, parts: Sequence[Part], encoded: EncodedInput) -> Tensor:
        """Return the rows of all parts of a unit, [rows, hidden]."""
        rows = []
        for part in parts:
            if isinstance(part, IdPart):
                rows.append(self._stream.embed(part.ids))
            elif part.source is RowSource.IMAGE:
                rows.append(encoded.images[part.image][part.piece])
            elif encoded.audio is not None:
                rows.append(encoded.audio)
        return torch.cat(rows)

    def _note_ids(self, notes: Iterable[str]) -> list[int]:
        """Return notes as plain text, one per line; structure tokens in them are refused."""
        if isinstance(notes, str) or not all(isinstance(note, str) for note in notes):
            raise InputError(f'notes is {notes!r:.80}; pass a tuple of texts')
        ids = [token for note in notes for token in self._tokenizer.encode(note + '\n')]
        if not self._tokens.all_ids.isdisjoint(ids):
            raise InputError('a note contains a special token; pass plain text')
        return ids
