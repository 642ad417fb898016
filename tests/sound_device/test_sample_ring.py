# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from minicpmo_ros.sound_device.sample_ring import SampleRing


@given(st.lists(st.integers(0, 25), max_size=12), st.integers(0, 120), st.integers(0, 40))
def test_reads_what_is_still_there(sizes, begin, length):
    ring, total = SampleRing(16, np.int16), 0
    for size in sizes:
        ring.append(np.arange(total, total + size, dtype=np.int16))
        total += size
    low, high = max(begin, total - 16, 0), min(begin + length, total)
    assert ring.read(begin, begin + length).tolist() == list(range(low, max(low, high)))


def test_samples_can_be_taken_back():
    ring = SampleRing(8)
    ring.append(np.arange(6, dtype=np.float32))
    ring.drop_to(4)
    ring.append(np.array([9.0], np.float32))
    assert ring.read(2, 9).tolist() == [2.0, 3.0, 9.0]
    with pytest.raises(ValueError, match='99'):
        ring.drop_to(99)


def test_reset_counts_from_zero():
    ring = SampleRing(4)
    ring.append(np.ones(3, np.float32))
    ring.reset()
    assert ring.end == 0 and ring.read(0, 3).size == 0


def test_capacity_must_be_positive():
    with pytest.raises(ValueError, match='-1'):
        SampleRing(-1)
