# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo.context_window import ContextWindow, UnitRecord, WindowMode, WindowOptions
from minicpmo.errors import ConfigurationError

MARKER = (901, 902)
SPECIAL = 1000


def new_window(mode, **limits):
    options = WindowOptions(mode, **limits)
    return ContextWindow(options, 30, 2, MARKER, lambda token: token < SPECIAL)


def spoken(index, ids, length=20):
    return UnitRecord(index, length, list(ids), is_listen=False)


def test_off_never_slides_and_keeps_no_list():
    window = new_window(WindowMode.OFF)
    for index in range(100):
        window.append(UnitRecord(index, 13))
    assert window.slide(10**6) is None
    assert window.make_room(100) is None
    assert len(window.units) == 1


def test_basic_drops_whole_units_down_to_low():
    window = new_window(WindowMode.BASIC, high=100, low=60)
    for index in range(5):
        window.append(UnitRecord(index, 15))
    assert window.slide(100) is None
    change = window.slide(107)
    assert (change.previous_rows, change.removed_rows, change.previous_ids) == (0, 60, None)
    assert [record.index for record in window.units] == [4]


def test_context_carries_spoken_text_over_behind_the_marker():
    window = new_window(WindowMode.CONTEXT, max_units=2, previous_max=4)
    window.append(UnitRecord(0, 13))
    window.append(spoken(1, [1, 2, SPECIAL]))
    window.append(spoken(2, [3, 4, 5]))
    change = window.slide(100)
    assert change.previous_ids is None, 'a listening unit carries nothing over'
    window.append(spoken(3, [6]))
    change = window.slide(100)
    assert (change.previous_rows, change.removed_rows) == (0, 20)
    assert change.previous_ids == (*MARKER, 1, 2)
    window.append(UnitRecord(4, 13))
    change = window.slide(100)
    assert change.previous_rows == 4
    assert change.previous_ids == (*MARKER, 2, 3, 4, 5), 'only the newest stay'
    assert window.preserved_rows == 30 + 6 + 2


def test_a_renewed_window_forgets_several_units_at_once():
    window = new_window(WindowMode.CONTEXT, max_units=4, previous_max=9, renewed_units=2)
    for index in range(4):
        window.append(spoken(index, [index]))
    assert window.slide(100) is None
    window.append(UnitRecord(4, 13))
    change = window.slide(100)
    assert (change.removed_rows, change.previous_ids) == (60, (*MARKER, 0, 1, 2))
    assert [record.index for record in window.units] == [3, 4]
    assert window.slide(100) is None


def test_a_unit_of_special_tokens_alone_brings_no_marker():
    window = new_window(WindowMode.CONTEXT, max_units=1)
    window.append(spoken(0, [SPECIAL]))
    window.append(UnitRecord(1, 13))
    assert window.slide(0).previous_ids is None
    assert window.previous_ids == ()


def test_unheard_words_leave_units_and_carried_text():
    window = new_window(WindowMode.CONTEXT, max_units=1)
    window.append(spoken(0, [1, 2, 3]))
    window.append(spoken(1, [4, 5]))
    window.slide(0)
    window.keep_heard({0: 2, 1: 0})
    assert window.content_ids == [1, 2]
    assert window.units[0].ids == []
    window.append(UnitRecord(2, 13))
    change = window.slide(0)
    assert change.previous_rows == len(MARKER) + 3, 'the cache still held the third word'
    assert change.previous_ids == (*MARKER, 1, 2)


def test_room_is_counted_without_the_rows_that_carried_text_takes():
    window = new_window(WindowMode.CONTEXT, max_units=50)
    for index in range(4):
        window.append(spoken(index, [1, 2, 3]))
    change = window.make_room(30)
    freed = change.removed_rows - (len(change.previous_ids) - change.previous_rows)
    assert freed >= 30
    assert change.removed_rows == 40


@pytest.mark.parametrize(
    'limits',
    [
        {'high': 5, 'low': 6},
        {'low': 0},
        {'max_units': 0},
        {'previous_max': -1},
        {'renewed_units': 0},
        {'max_units': 5, 'renewed_units': 6},
    ],
)
def test_limits_that_contradict_each_other_are_refused(limits):
    with pytest.raises(ConfigurationError):
        WindowOptions(WindowMode.BASIC, **limits)
