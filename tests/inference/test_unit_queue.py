# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue in front of the model and what it sheds."""

import numpy as np

from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue


def unit(index: int, pictures: int = 3) -> PendingUnit:
    images = tuple(bytes([n]) for n in range(pictures))
    return PendingUnit(index, np.zeros(16000, np.int16), 0, 0, 0.0, images)


def test_nothing_is_shed_while_keeping_up():
    queue = UnitQueue()
    queue.put(unit(0))
    taken = queue.take()
    assert len(taken.images) == 3 and taken.images_dropped == 0
    assert queue.take() is None


def test_pictures_go_first_and_audio_never():
    queue = UnitQueue()
    for index in range(4):
        queue.put(unit(index))
    kept = [queue.take() for _ in range(4)]
    assert [len(u.images) for u in kept] == [0, 0, 1, 3]
    assert kept[2].images == (b'\x02',), 'the newest picture is the one that is kept'
    assert [u.images_dropped for u in kept] == [3, 3, 2, 0]
    assert queue.images_shed == 8
    assert all(len(u.audio) == 16000 for u in kept) and queue.lost == 0


def test_bound_loses_the_oldest_and_counts_it():
    queue = UnitQueue(capacity=2)
    for index in range(5):
        queue.put(unit(index))
    assert queue.lost == 3
    assert [queue.take().index, queue.take().index] == [3, 4]


def test_clear_says_how_many():
    queue = UnitQueue()
    queue.put(unit(0))
    queue.put(unit(1))
    assert queue.clear() == 2
    assert len(queue) == 0
