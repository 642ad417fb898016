# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from minicpmo_ros.errors import MessageError
from minicpmo_ros.perception.encoded_picture import decode, encode_jpeg, encoded_size, reduce


@pytest.fixture
def picture():
    y, x = np.mgrid[0:48, 0:64]
    return np.stack((3 * x, 4 * y, x + y), axis=2).astype(np.uint8)


def png(picture):
    return cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def test_png_is_exact(picture):
    assert np.array_equal(decode('png', png(picture)), picture)


@pytest.mark.parametrize('text', ['jpeg', 'jpg', 'rgb8; jpeg compressed bgr8', ''])
def test_jpeg_keeps_colours(picture, text):
    result = decode(text, encode_jpeg(picture, 95).tobytes())
    assert np.abs(result.astype(int) - picture).mean() < 4


def test_padding_behind_the_end_is_accepted(picture):
    data = encode_jpeg(picture, 90).tobytes() + bytes(100)
    assert decode('jpeg', data).shape == (48, 64, 3)


def test_size_is_read_from_the_header(picture):
    assert encoded_size(encode_jpeg(picture, 50)) == (48, 64)
    assert encoded_size(np.frombuffer(png(picture), np.uint8)) == (48, 64)
    progressive = cv2.imencode('.jpg', picture, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1]
    assert encoded_size(progressive) == (48, 64)


def test_large_files_are_decoded_smaller_but_not_too_small():
    data = encode_jpeg(np.zeros((480, 640, 3), np.uint8), 80).tobytes()
    assert decode('jpeg', data, longest_side=100).shape == (120, 160, 3)
    assert decode('jpeg', data, longest_side=320).shape == (240, 320, 3)
    assert decode('jpeg', data, longest_side=448).shape == (480, 640, 3)


def test_reduce_keeps_the_aspect():
    assert reduce(np.zeros((1080, 1920, 3), np.uint8), 640).shape == (360, 640, 3)
    assert reduce(np.zeros((640, 480, 3), np.uint8), 320).shape == (320, 240, 3)
    assert reduce(np.zeros((10, 5000, 3), np.uint8), 100).shape == (1, 100, 3)
    same = np.zeros((48, 64, 3), np.uint8)
    assert reduce(same, 64) is same
    assert reduce(same, 0) is same


def test_reduce_averages():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.all(reduce(stripes, 32) == 100)


@pytest.mark.parametrize(
    ('text', 'change', 'reason'),
    [
        ('16UC1; compressedDepth', lambda data: data, 'depth transport'),
        ('jpeg', lambda data: data[: len(data) // 2], 'truncated JPEG'),
        ('jpeg', lambda data: b'', 'nothing'),
        ('jpeg', lambda data: b'hello world, this is text', '68656c6c'),
        ('jpeg', lambda data: data[:2] + b'\xff\xd9', 'without frame header'),
        ('png', lambda data: b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR' + bytes(17), 'truncated PNG'),
    ],
)
def test_malformed_file_is_named(picture, text, change, reason):
    data = encode_jpeg(picture, 90).tobytes()
    with pytest.raises(MessageError, match=reason):
        decode(text, change(data))


def test_file_that_claims_to_be_huge_is_not_decoded():
    data = bytearray(png(np.zeros((4, 4, 3), np.uint8)))
    data[16:24] = b'\0\1\0\0\0\1\0\0'
    with pytest.raises(MessageError, match='65536x65536'):
        decode('png', bytes(data))
