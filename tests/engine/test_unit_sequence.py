# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo.special_token import SpecialTokens
from minicpmo.unit_sequence import (
    IdPart,
    RowPart,
    RowSource,
    part_rows,
    prompt_text,
    unit_closing_ids,
    unit_input_parts,
    unit_output_ids,
)


@pytest.fixture
def tokens(tokenizer) -> SpecialTokens:
    return SpecialTokens.from_tokenizer(tokenizer)


def test_an_audio_unit_has_eleven_rows_of_input(tokens):
    parts = unit_input_parts(tokens)
    assert parts == [IdPart((tokens.unit_begin,)), RowPart(RowSource.AUDIO, 10)]
    assert part_rows(parts) + len(unit_output_ids(tokens, None)) == 13


def test_pictures_stand_between_notes_and_audio(tokens):
    parts = unit_input_parts(tokens, (1, 2), note_ids=(5, 6))
    assert part_rows(parts) == 1 + 2 + 3 * 66 + 10
    assert parts[0] == IdPart((tokens.unit_begin, 5, 6))
    images = [(p.image, p.piece) for p in parts if getattr(p, 'source', None) is RowSource.IMAGE]
    assert images == [(0, 0), (1, 0), (1, 1)]
    begins = [p.ids[0] for p in parts[1::3] if isinstance(p, IdPart)]
    assert begins == [tokens.image_begin, tokens.image_begin, tokens.slice_begin]


def test_recorded_units_have_this_layout(vectors, tokens):
    """Every feed of the recorded picture trace, merged, is what the function describes."""
    recorded = vectors.json('duplex_omni.json')
    for unit in recorded['units']:
        feeds = unit['prefill']
        rows = [feed['n'] for feed in feeds]
        pieces = sum(n == 64 for n in rows)
        images = len(unit['input']['frames'])
        per_image = [1] * (images - 1) + [pieces - images + 1]
        audio = 10 if unit['input'].get('audio', True) else 0
        parts = unit_input_parts(tokens, per_image, audio)
        assert [len(part) for part in parts] == rows
        assert list(parts[0].ids) == feeds[0]['ids']


@pytest.mark.parametrize('close_turn', [False, True])
def test_a_spoken_unit_ends_like_a_decoded_one(tokens, close_turn):
    ids = unit_output_ids(tokens, (1, 2), close_turn)
    assert ids[:3] == (tokens.speak, 1, 2)
    assert ids[3:] == unit_closing_ids(tokens, tokens.chunk_end, close_turn)
    assert (tokens.turn_end in ids) is close_turn


def test_the_prompt_has_no_line_break_without_a_voice():
    assert prompt_text('Hi.', True) == (
        '<|im_start|>system\nHi.\n<|audio_start|>',
        '<|audio_end|><|im_end|>',
    )
    assert prompt_text('Hi.', False) == ('<|im_start|>system\nHi.', '<|im_end|>')
