# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Array fields of messages."""

from array import array

import numpy as np
import pytest

from minicpmo_ros.message_bytes import (
    byte_array,
    read_bytes,
    read_samples,
    sample_array,
    to_float32,
    to_int16,
)


def test_round_trip():
    samples = np.arange(-5, 5, dtype=np.int16)
    field = sample_array(samples)
    assert isinstance(field, array) and field.typecode == 'h'
    np.testing.assert_array_equal(read_samples(field), samples)
    data = byte_array(samples)
    assert data.typecode == 'B'
    np.testing.assert_array_equal(read_bytes(data).view(np.int16), samples)


def test_strided_arrays_keep_their_order():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::2]
    assert bytes(byte_array(picture)) == picture.tobytes()


def test_empty_fields():
    assert len(read_bytes(array('B'))) == 0
    assert len(read_samples(array('h'))) == 0


def test_other_sample_types_are_refused():
    with pytest.raises(TypeError, match='float64'):
        sample_array(np.zeros(3))


def test_loud_and_broken_samples_are_clipped():
    given = np.array([0.0, 1.0, -1.0, 5.0, -5.0, np.nan, np.inf, -np.inf])
    expected = [0, 32767, -32768, 32767, -32768, 0, 32767, -32768]
    assert to_int16(given).tolist() == expected


def test_float_round_trip():
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert to_int16(to_float32(samples)).tolist() == samples.tolist()
    assert to_float32(samples).dtype == np.float32
