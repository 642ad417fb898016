# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import example, given, settings
from hypothesis import strategies as st
import pytest

from minicpmo.speech.spoken_text import MAX_WAITING, SpokenText, speakable


@pytest.mark.parametrize(
    ('pieces', 'spoken'),
    [
        ([' Hello th', 'ere, my', ' friend'], [' Hello ', 'there, ', 'my friend']),
        (['It costs 3', '.50 eu', 'ros'], ['It costs ', '3.50 ', 'euros']),
        (['it', "'s a well", '-known'], ['', "it's a ", 'well-known']),
        (['你好，世', '界。'], ['你好，世', '界。']),
        (['Stop!', 'Now'], ['Stop!', 'Now']),
    ],
)
def test_words_at_borders_wait(pieces, spoken):
    text = SpokenText()
    ends = [False] * (len(pieces) - 1) + [True]
    assert [text.push(p, end) for p, end in zip(pieces, ends, strict=True)] == spoken


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_nothing_is_lost(pieces):
    text = SpokenText()
    spoken = [text.push(piece, end=False) for piece in pieces]
    assert ''.join(spoken) + text.waiting == ''.join(pieces)
    assert ''.join(spoken) + text.push('', end=True) == ''.join(pieces)
    assert text.waiting == ''


def test_text_without_borders_does_not_wait_for_ever():
    text = SpokenText()
    assert text.push('x' * MAX_WAITING, end=False) == ''
    assert text.push('x', end=False) == 'x' * (MAX_WAITING + 1)


def test_reset_drops_the_waiting_word():
    text = SpokenText()
    text.push('secret', end=False)
    text.reset()
    assert text.push('word', end=True) == 'word'


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80))
@example(text='[')
@example(text=']]]')
def test_no_command_passes(text):
    clean = speakable(text + '[[h@loU]] \x01 50s \x00')
    assert '[[' not in clean and ']]' not in clean
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in clean)
    clean.encode()
