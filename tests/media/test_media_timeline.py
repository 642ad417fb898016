# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sound in pieces and items in order."""

import numpy as np

from minicpmo_ros.media.item import SAMPLE_RATE, Picture, Sound
from minicpmo_ros.media.timeline import due_time, in_order, split_sound

PIXELS = np.zeros((2, 2, 3), np.uint8)


def ramp(begin: int, count: int) -> np.ndarray:
    return np.arange(begin, begin + count).astype(np.int16)


def test_any_blocks_become_equal_pieces():
    blocks = [(0, 100), (100, 901), (1001, 7), (1008, 592)]
    items = [Sound(begin / SAMPLE_RATE, ramp(begin, count)) for begin, count in blocks]
    pieces = list(split_sound(iter(items), 320))
    assert [len(p.samples) for p in pieces] == [320] * 5
    np.testing.assert_array_equal(np.concatenate([p.samples for p in pieces]), ramp(0, 1600))
    np.testing.assert_allclose([p.time * SAMPLE_RATE for p in pieces], np.arange(5) * 320)


def test_rest_is_filled_with_silence():
    pieces = list(split_sound(iter([Sound(0.0, ramp(1, 100))]), 320))
    assert len(pieces) == 1 and pieces[0].samples[100:].tolist() == [0] * 220


def test_hole_stays_a_hole():
    items = [Sound(0.0, ramp(0, 400)), Sound(2.0, ramp(0, 320))]
    pieces = list(split_sound(iter(items), 320))
    assert [p.time for p in pieces] == [0.0, 0.02, 2.0]


def test_items_are_sorted_by_due_time():
    sound = [Sound(0.1 * n, np.zeros(1600, np.int16)) for n in range(20)]
    pictures = [Picture(0.2 * n, PIXELS) for n in range(10)]
    # As a container would interleave them: the pictures of a second after its sound.
    mixed = [*sound[:10], *pictures[:5], *sound[10:], *pictures[5:]]
    times = [due_time(item) for item in in_order(iter(mixed))]
    assert len(times) == 30 and times == sorted(times)


def test_sound_alone_is_not_held_back_for_ever():
    def endless():
        for number in range(1000):
            yield Sound(0.1 * number, np.zeros(1600, np.int16))

    stream = in_order(endless())
    assert next(stream).time == 0.0
