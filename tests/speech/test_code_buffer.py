# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st

from minicpmo.speech.code_buffer import CHAT_THRESHOLD, CodeBuffer

SILENCE = [4218] * 3
PIECES = st.lists(st.lists(st.integers(0, 6560), max_size=60), min_size=1, max_size=8)


def test_a_unit_of_25_codes_is_one_full_block():
    buffer = CodeBuffer()
    units = [list(range(start, start + 25)) for start in (0, 25)]
    (first,) = buffer.push(units[0], end_of_turn=False)
    (second,) = buffer.push(units[1], end_of_turn=False)
    assert first.codes == SILENCE + units[0]
    assert second.codes == units[0][-3:] + units[1]
    assert len(buffer) == 3


def test_few_codes_wait_in_duplex_and_more_of_them_in_chat():
    assert CodeBuffer().push([1] * 4, end_of_turn=False) == []
    assert len(CodeBuffer().push([1] * 5, end_of_turn=False)) == 1
    assert CodeBuffer(CHAT_THRESHOLD).push([1] * 24, end_of_turn=False) == []
    assert len(CodeBuffer(CHAT_THRESHOLD).push([1] * 25, end_of_turn=False)) == 1


def test_a_turn_without_codes_is_closed_with_silence():
    (block,) = CodeBuffer().push([], end_of_turn=True)
    assert block.codes == SILENCE
    assert block.last


@settings(max_examples=80, deadline=None)
@given(pieces=PIECES, threshold=st.sampled_from([8, 28]))
def test_every_code_comes_out_once_and_in_order(pieces, threshold):
    buffer, sounded = CodeBuffer(threshold), []
    for index, piece in enumerate(pieces):
        blocks = buffer.push(piece, end_of_turn=index == len(pieces) - 1)
        for block in blocks:
            assert len(block.codes) <= 28
            sounded += block.codes if block.last else block.codes[:-3]
    assert sounded == SILENCE + [code for piece in pieces for code in piece]
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    assert len(buffer) == 3
