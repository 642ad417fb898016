# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from minicpmo_ros.barge_in.heard_speech import HeardSpeech


def spoken():
    heard = HeardSpeech()
    heard.add(1, 0.0, 1.0, 'Good morning, ')
    heard.add(1, 1.0, 2.0, 'the coffee is ready.')
    return heard


def test_whole_pieces_count_whole():
    assert spoken().text(1, 1.0) == 'Good morning,'
    assert spoken().text(1, 3.0) == 'Good morning, the coffee is ready.'
    assert spoken().text(1, 0.0) == ''


def test_a_word_cut_in_the_middle_was_not_heard():
    assert spoken().text(1, 1.0 + 2.0 * 7 / 20) == 'Good morning, the'
    assert spoken().text(1, 1.0 + 2.0 * 10.5 / 20) == 'Good morning, the coffee'


def test_scripts_without_blanks_are_cut_by_character():
    heard = HeardSpeech()
    heard.add(1, 0.0, 1.0, '厨房在左边的门后面。')
    assert heard.text(1, 0.5) == '厨房在左边'


def test_pieces_may_come_in_any_order_and_twice():
    heard = HeardSpeech()
    for _ in range(2):
        heard.add(1, 1.0, 1.0, 'two')
        heard.add(1, 0.0, 1.0, 'one ')
    assert heard.text(1, 2.0) == 'one two'


def test_a_new_turn_forgets_the_old_one():
    heard = spoken()
    heard.add(2, 0.0, 1.0, 'Yes.')
    assert heard.text(2, 1.0) == 'Yes.'
    assert heard.text(1, 3.0) == ''
    heard.add(1, 0.0, 1.0, 'late')
    assert heard.text(2, 1.0) == 'Yes.'


def test_an_empty_piece_is_harmless():
    heard = HeardSpeech()
    heard.add(1, 0.0, 0.0, '')
    assert heard.text(1, 0.0) == ''


@given(st.text(max_size=60), st.floats(0.01, 5.0), st.floats(0.0, 6.0))
def test_heard_is_always_a_beginning_of_what_was_said(text, seconds, played):
    heard = HeardSpeech()
    heard.add(1, 0.0, seconds, text)
    assert text.startswith(heard.text(1, played))
