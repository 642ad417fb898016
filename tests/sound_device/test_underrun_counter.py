# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Silences inside a turn and at its end."""

from minicpmo_ros.sound_device.underrun_counter import UnderrunCounter


def silent(counter: UnderrunCounter, blocks: int, turn_open: bool = True) -> None:
    """Let blocks of 10 ms pass without speech, right after speech."""
    for number in range(blocks):
        counter.note(0.0, 0.01, True, turn_open, sounded=number == 0)


def test_a_turn_that_goes_on_after_more_than_20_ms_was_late():
    counter = UnderrunCounter()
    silent(counter, 3)
    assert counter.count == 0  # the turn may be over
    counter.note(0.01, 0.0, True, True, False)
    assert counter.count == 1


def test_shorter_silences_ends_of_turns_and_new_turns_are_none():
    counter = UnderrunCounter()
    silent(counter, 2)
    counter.note(0.01, 0.0, True, True, False)
    silent(counter, 5, turn_open=False)
    counter.note(0.01, 0.0, True, True, False)
    silent(counter, 5)
    counter.note(0.01, 0.0, False, True, False)
    silent(counter, 5)
    counter.restart()
    counter.note(0.01, 0.0, True, True, False)
    assert counter.count == 0


def test_silence_before_any_speech_is_none():
    counter = UnderrunCounter()
    for _ in range(5):
        counter.note(0.0, 0.01, True, True, sounded=False)
    counter.note(0.01, 0.0, True, True, False)
    assert counter.count == 0
