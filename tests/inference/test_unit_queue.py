# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The queue in front of the model."""

import numpy as np

from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue


def unit(index: int, pictures: int = 3) -> PendingUnit:
    images = tuple(bytes([n]) for n in range(pictures))
    return PendingUnit(index, np.zeros(16000, np.int16), 0, 0, 0.0, images)


def test_units_come_out_whole_and_in_order():
    queue = UnitQueue()
    for index in range(4):
        queue.put(unit(index))
    taken = [queue.take() for _ in range(4)]
    assert [u.index for u in taken] == [0, 1, 2, 3]
    assert all(len(u.images) == 3 and len(u.audio) == 16000 for u in taken)
    assert queue.take() is None and queue.lost == 0


def test_the_newest_pictures_are_kept_and_the_others_counted():
    relieved = unit(0).without_images(1)
    assert relieved.images == (b'\x02',) and relieved.images_dropped == 2
    assert unit(0).without_images(0).images_dropped == 3
    assert unit(0).without_images(None).images_dropped == 0


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
