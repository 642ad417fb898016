# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo.protocol import Heard
from minicpmo.turn_record import MAX_UNITS, SpokenUnit, TurnRecord

WORDS = {1: ' good', 2: ' day', 3: ' to', 4: ' you', 5: ' all'}


@pytest.fixture
def turn() -> TurnRecord:
    record = TurnRecord(lambda ids: ''.join(WORDS[token] for token in ids))
    record.append(SpokenUnit(7, (1, 2), 1.0))
    record.append(SpokenUnit(8, (3, 4, 5), 1.5))
    return record


@pytest.mark.parametrize(
    'seconds,counts',
    [
        (0.0, {7: 0, 8: 0}),
        (0.6, {7: 1, 8: 0}),
        (1.0, {7: 2, 8: 0}),
        (2.1, {7: 2, 8: 2}),
        (9.0, {7: 2, 8: 3}),
    ],
)
def test_time_is_spread_evenly_over_the_words(turn, seconds, counts):
    assert turn.heard_counts(Heard(seconds)) == counts


@pytest.mark.parametrize(
    'text,counts',
    [
        ('', {7: 0, 8: 0}),
        ('good', {7: 1, 8: 0}),
        ('good day t', {7: 2, 8: 0}),
        ('good day to you', {7: 2, 8: 2}),
        ('good day to you all', {7: 2, 8: 3}),
    ],
)
def test_known_words_count_more_than_time(turn, text, counts):
    assert turn.heard_counts(Heard(0.1, text)) == counts


def test_a_turn_without_sound_was_read():
    record = TurnRecord(lambda ids: '')
    record.append(SpokenUnit(1, (1, 2), 0.0))
    assert record.heard_counts(Heard(0.0)) == {1: 2}


def test_a_silent_unit_counts_with_the_speech_before_it(turn):
    turn.append(SpokenUnit(9, (1, 2), 0.0))
    assert turn.heard_counts(Heard(2.4))[9] == 0
    assert turn.heard_counts(Heard(2.5))[9] == 2


def test_a_long_turn_keeps_the_newest_units_and_the_time_before_them(turn):
    turn.reset()
    for index in range(MAX_UNITS + 36):
        turn.append(SpokenUnit(index, (1,), 1.0))
    assert len(turn.units) == MAX_UNITS
    assert turn.seconds == MAX_UNITS + 36
    counts = turn.heard_counts(Heard(37.0))
    assert counts[36] == 1 and counts[37] == 0
    by_text = turn.heard_counts(Heard(0.0, 'good' * 37))
    assert by_text == counts
