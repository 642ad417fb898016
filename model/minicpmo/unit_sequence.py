# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The exact layout of a duplex conversation as token ids and embedding rows.

Used by the session that feeds a conversation and by the training that learns from one, so both
always agree. A conversation is ``prompt_parts``, then for every unit ``unit_input_parts``
followed by ``unit_output_ids``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import enum
from typing import Optional

from minicpmo.special_token import SpecialTokens

AUDIO_ROWS = 10
"""Embedding rows of one second of audio."""


class RowSource(enum.Enum):
    """Which encoder the rows of an embedding part come from."""

    VOICE = 'voice'
    IMAGE = 'image'
    AUDIO = 'audio'


@dataclass(frozen=True)
class IdPart:
    """Token ids that are looked up in the embedding table."""

    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class RowPart:
    """Embedding rows made by an encoder.

    image, piece: which picture of the unit and which of its pieces (0 is the whole picture,
    1.. are the detail slices); both 0 for voice and audio.
    """

    source: RowSource
    rows: int
    image: int = 0
    piece: int = 0

    def __len__(self) -> int:
        return self.rows


Part = IdPart | RowPart


def prompt_parts(
    prefix_ids: Sequence[int], voice_rows: int, suffix_ids: Sequence[int]
) -> list[Part]:
    """Return the parts of the system prompt; empty ones are left out."""
    parts: list[Part] = [
        IdPart(tuple(prefix_ids)),
        RowPart(RowSource.VOICE, voice_rows),
        IdPart(tuple(suffix_ids)),
    ]
    return [part for part in parts if len(part)]


def prompt_text(instruction: str, with_voice: bool) -> tuple[str, str]:
    """Return prefix and suffix of the duplex system prompt as text."""
    prefix = f'<|im_start|>system\n{instruction}'
    if with_voice:
        return prefix + '\n<|audio_start|>', '<|audio_end|><|im_end|>'
    return prefix, '<|im_end|>'


def unit_input_parts(
    tokens: SpecialTokens,
    pieces_per_image: Sequence[int] = (),
    audio_rows: int = AUDIO_ROWS,
    image_rows: int = 64,
    note_ids: Sequence[int] = (),
) -> list[Part]:
    """Return what is fed at the start of a unit.

    pieces_per_image: for every picture 1 + the number of its detail slices.
    audio_rows: 0 for a unit of pictures only.
    image_rows: rows the resampler makes of one piece.
    note_ids: plain text for the model's context, fed before the pictures.
    """
    parts: list[Part] = [IdPart((tokens.unit_begin, *note_ids))]
    for image, pieces in enumerate(pieces_per_image):
        for piece in range(pieces):
            begin = tokens.image_begin if piece == 0 else tokens.slice_begin
            end = tokens.image_end if piece == 0 else tokens.slice_end
            parts.append(IdPart((begin,)))
            parts.append(RowPart(RowSource.IMAGE, image_rows, image, piece))
            parts.append(IdPart((end,)))
    if audio_rows:
        parts.append(RowPart(RowSource.AUDIO, audio_rows))
    return parts


def unit_closing_ids(
    tokens: SpecialTokens, terminator: int, close_turn: bool = False
) -> tuple[int, ...]:
    """Return the ids that end a unit; ``close_turn`` puts ``<|turn_eos|>`` in front."""
    turn_end = (tokens.turn_end,) if close_turn else ()
    return (*turn_end, terminator, tokens.unit_end)


def unit_output_ids(
    tokens: SpecialTokens, text_ids: Optional[Sequence[int]], end_of_turn: bool = False
) -> tuple[int, ...]:
    """Return a whole unit's output as training text has it.

    text_ids: None for a listening unit, else the spoken ids, at most 18 with ``<|speak|>``.
    end_of_turn: the turn is finished in this unit.
    """
    if text_ids is None:
        return unit_closing_ids(tokens, tokens.listen)
    return (
        tokens.speak,
        *text_ids,
        *unit_closing_ids(tokens, tokens.chunk_end, close_turn=end_of_turn),
    )


def part_rows(parts: Sequence[Part]) -> int:
    """Return how many cache rows the parts take."""
    return sum(len(part) for part in parts)
