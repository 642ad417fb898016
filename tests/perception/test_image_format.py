# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from minicpmo_ros.errors import MessageError
from minicpmo_ros.perception.image_format import LAYOUTS, to_rgb

HEIGHT, WIDTH = 24, 32


@pytest.fixture
def picture():
    """A smooth picture in which red, green and blue differ, uint8 RGB."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack((60 + 4 * x, 200 - 5 * y, 30 + 2 * x + 2 * y), axis=2).astype(np.uint8)


def uyvy(picture, order):
    """Return 4:2:2 bytes with the components of two pixels in this order, e.g. 'uyvy'."""
    yuv = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV).astype(np.float32)
    y = np.clip(16 + yuv[..., 0] * 219 / 255, 0, 255)
    red, blue = picture[..., 0].astype(np.float32), picture[..., 2].astype(np.float32)
    u = 128 + (blue - yuv[..., 0]) * 0.564 * 224 / 255
    v = 128 + (red - yuv[..., 0]) * 0.713 * 224 / 255
    parts = {'u': u[:, ::2], 'v': v[:, ::2], '0': y[:, ::2], '1': y[:, 1::2]}
    return np.stack([parts[name] for name in order], axis=2).astype(np.uint8).reshape(HEIGHT, -1)


def planar(picture, order):
    """Return 4:2:0 bytes: brightness rows, then rows of u and v in this order."""
    i420 = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    size = HEIGHT * WIDTH
    u, v = i420[size : size * 5 // 4], i420[size * 5 // 4 :]
    color = np.stack((u, v) if order == 'uv' else (v, u), axis=1).reshape(-1, WIDTH)
    return np.concatenate((i420[:size].reshape(HEIGHT, WIDTH), color))


def mosaic(picture, pattern):
    rows = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place, name in enumerate(pattern):
        y, x = divmod(place, 2)
        rows[y::2, x::2] = picture[y::2, x::2, 'rgb'.index(name)]
    return rows


def encoded(picture, encoding):
    """Return the rows of the picture in this encoding, uint8 [rows, bytes]."""
    alpha = np.full((HEIGHT, WIDTH, 1), 9, np.uint8)
    flat = {
        'rgb8': picture,
        'bgr8': picture[..., ::-1],
        '8UC3': picture[..., ::-1],
        'rgba8': np.concatenate((picture, alpha), axis=2),
        'bgra8': np.concatenate((picture[..., ::-1], alpha), axis=2),
        '8UC4': np.concatenate((picture[..., ::-1], alpha), axis=2),
        'rgb16': (picture.astype('<u2') * 257).view(np.uint8),
        'bgr16': (picture[..., ::-1].astype('<u2') * 257).view(np.uint8),
    }
    if encoding in flat:
        return flat[encoding].reshape(HEIGHT, -1)
    if encoding.startswith('bayer'):
        rows = mosaic(picture, encoding[6:10])
        return rows if encoding.endswith('8') else (rows.astype('<u2') * 257).view(np.uint8)
    if encoding in ('yuv422', 'uyvy'):
        return uyvy(picture, 'u0v1')
    if encoding in ('yuv422_yuy2', 'yuyv', 'yuy2'):
        return uyvy(picture, '0u1v')
    return planar(picture, 'uv' if encoding == 'nv12' else 'vu')


COLOURED = [name for name in LAYOUTS if name not in ('mono8', '8UC1', 'mono16', '16UC1', '32FC1')]


@pytest.mark.parametrize('encoding', COLOURED)
@pytest.mark.parametrize('padding', [0, 6])
def test_colours_survive(picture, encoding, padding):
    rows = encoded(picture, encoding)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    result = to_rgb(HEIGHT, WIDTH, encoding, padded.shape[1], False, padded.tobytes())
    assert result.shape == (HEIGHT, WIDTH, 3)
    assert result.dtype == np.uint8
    exact = not encoding.startswith(('yu', 'uy', 'nv', 'bayer'))
    difference = np.abs(result.astype(int) - picture)[2:-2, 2:-2]
    assert difference.max() <= (0 if exact else 12), encoding


def test_gray_is_repeated():
    gray = np.arange(HEIGHT * WIDTH, dtype=np.uint16).astype(np.uint8)
    for encoding in ('mono8', '8UC1'):
        result = to_rgb(HEIGHT, WIDTH, encoding, WIDTH, False, gray.tobytes())
        assert np.array_equal(result, np.repeat(gray.reshape(HEIGHT, WIDTH, 1), 3, axis=2))


@pytest.mark.parametrize('big_endian', [False, True])
def test_byte_order_is_respected(big_endian):
    values = (np.arange(HEIGHT * WIDTH) * 80).astype('>u2' if big_endian else '<u2')
    result = to_rgb(HEIGHT, WIDTH, 'mono16', WIDTH * 2, big_endian, values.tobytes())
    assert np.array_equal(result[..., 0].reshape(-1), (np.arange(HEIGHT * WIDTH) * 80) >> 8)


def test_depth_fills_the_gray_range_and_shows_holes_black():
    depth = np.linspace(500, 3000, HEIGHT * WIDTH).astype('<u2')
    depth[:5] = 0
    result = to_rgb(HEIGHT, WIDTH, '16UC1', WIDTH * 2, False, depth.tobytes())[..., 0].reshape(-1)
    assert not result[:5].any()
    assert result[5] == 1
    assert result[-1] == 255
    assert (np.diff(result[5:].astype(int)) >= 0).all()


def test_depth_in_metres_without_any_value_is_black():
    depth = np.full(HEIGHT * WIDTH, np.nan, '<f4')
    result = to_rgb(HEIGHT, WIDTH, '32FC1', WIDTH * 4, False, depth.tobytes())
    assert not result.any()


def test_missing_padding_of_the_last_row_is_accepted(picture):
    rows = np.pad(encoded(picture, 'rgb8'), ((0, 0), (0, 4))).tobytes()[:-4]
    assert np.array_equal(to_rgb(HEIGHT, WIDTH, 'rgb8', WIDTH * 3 + 4, False, rows), picture)


@pytest.mark.parametrize(
    ('height', 'width', 'encoding', 'step', 'size', 'reason'),
    [
        (24, 32, 'rgb9', 96, 2304, 'rgb9'),
        (24, 32, '', 96, 2304, 'encoding'),
        (0, 32, 'rgb8', 96, 0, '32x0'),
        (24, 0, 'rgb8', 96, 2304, '0x24'),
        (24, 2**32 - 1, 'rgb8', 96, 2304, 'size'),
        (24, 32, 'rgb8', 95, 2304, 'step 95'),
        (24, 32, 'rgb8', 0, 2304, 'step 0'),
        (24, 32, 'rgb8', 2**32 - 1, 2304, 'truncated'),
        (24, 32, 'rgb8', 96, 2303, 'truncated'),
        (24, 32, 'rgb8', 96, 0, 'truncated'),
        (24, 32, 'rgb8', 96, 2305, 'too long'),
        (24, 31, 'yuv422', 62, 1488, 'odd'),
        (23, 32, 'nv12', 32, 1104, 'odd'),
        (2, 2, 'bayer_rggb8', 2, 4, 'small'),
        (24, 32, '16UC1', 32, 768, 'step 32'),
    ],
)
def test_malformed_picture_is_named(height, width, encoding, step, size, reason):
    with pytest.raises(MessageError, match=reason):
        to_rgb(height, width, encoding, step, False, bytes(size))
