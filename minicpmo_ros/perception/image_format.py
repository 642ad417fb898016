# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns the pixels of a ``sensor_msgs/Image`` into uint8 RGB [height, width, 3].

Encoding names are those of ``sensor_msgs/image_encodings.hpp`` and the names some drivers use
for the same thing. OpenCV does the colour arithmetic; rows are never copied before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from minicpmo_ros.errors import MessageError

LARGEST_SIDE = 16384


class UnsupportedEncoding(MessageError):
    """The encoding is none of those in LAYOUTS."""


@dataclass(frozen=True)
class PixelLayout:
    """How one encoding stores a picture.

    item: bytes of one component; channels: components of one pixel.
    planes: rows of data per picture row, 1.5 with half-size colour below the brightness.
    convert: [rows, width, channels] to RGB. even: width (and height, with planes) must be even.
    """

    item: int
    channels: int
    convert: Callable[[np.ndarray], np.ndarray]
    planes: float = 1.0
    even: bool = False


def _color(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: cv2.cvtColor(np.ascontiguousarray(pixels), code)


def _gray(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(np.ascontiguousarray(pixels).reshape(*pixels.shape[:2], 1), 3, axis=2)


def _upper_byte(pixels: np.ndarray) -> np.ndarray:
    return (pixels >> 8).astype(np.uint8)


def _stretch(pixels: np.ndarray) -> np.ndarray:
    """Show depth or heat as gray: the valid range fills 0..255, pixels without a value are black.

    Zero, NaN and infinity mean "no value" (REP-118).
    """
    values = pixels[..., 0].astype(np.float32)
    valid = np.isfinite(values) & (values != 0)
    if not valid.any():
        return np.zeros((*values.shape, 3), np.uint8)
    low, high = float(values[valid].min()), float(values[valid].max())
    scale = 254.0 / (high - low) if high > low else 0.0
    gray = np.where(valid, (np.where(valid, values, low) - low) * scale + 1, 0)
    return _gray(gray.astype(np.uint8)[..., None])


def _wide(code: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: code(_upper_byte(pixels))


# OpenCV names a mosaic by its second row and column, ROS by its first pixels.
BAYER = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}
UYVY = PixelLayout(1, 2, _color(cv2.COLOR_YUV2RGB_UYVY), even=True)
YUYV = PixelLayout(1, 2, _color(cv2.COLOR_YUV2RGB_YUY2), even=True)
RGB = PixelLayout(1, 3, np.ascontiguousarray)
BGR = PixelLayout(1, 3, _color(cv2.COLOR_BGR2RGB))
GRAY = PixelLayout(1, 1, _gray)
LAYOUTS: dict[str, PixelLayout] = {
    'rgb8': RGB,
    'bgr8': BGR,
    '8UC3': BGR,  # what cv_bridge makes of an OpenCV picture without a named order
    'rgba8': PixelLayout(1, 4, _color(cv2.COLOR_RGBA2RGB)),
    'bgra8': PixelLayout(1, 4, _color(cv2.COLOR_BGRA2RGB)),
    '8UC4': PixelLayout(1, 4, _color(cv2.COLOR_BGRA2RGB)),
    'mono8': GRAY,
    '8UC1': GRAY,
    'rgb16': PixelLayout(2, 3, _upper_byte),
    'bgr16': PixelLayout(2, 3, _wide(_color(cv2.COLOR_BGR2RGB))),
    'mono16': PixelLayout(2, 1, _wide(_gray)),
    '16UC1': PixelLayout(2, 1, _stretch),
    '32FC1': PixelLayout(4, 1, _stretch),
    'yuv422': UYVY,
    'uyvy': UYVY,
    'yuv422_yuy2': YUYV,
    'yuyv': YUYV,
    'yuy2': YUYV,
    'nv12': PixelLayout(1, 1, _color(cv2.COLOR_YUV2RGB_NV12), planes=1.5, even=True),
    'nv21': PixelLayout(1, 1, _color(cv2.COLOR_YUV2RGB_NV21), planes=1.5, even=True),
    **{f'bayer_{name}8': PixelLayout(1, 1, _color(code)) for name, code in BAYER.items()},
    **{f'bayer_{name}16': PixelLayout(2, 1, _wide(_color(code))) for name, code in BAYER.items()},
}


def to_rgb(
    height: int, width: int, encoding: str, step: int, big_endian: bool, data: memoryview | bytes
) -> np.ndarray:
    """Return the picture as uint8 RGB [height, width, 3]; it may share memory with ``data``.

    :param step: bytes from one row to the next, padding included.
    :param big_endian: byte order of components longer than a byte.
    :raises MessageError: naming the encoding, size, step or length that does not fit.
    """
    layout = LAYOUTS.get(encoding)
    if layout is None:
        raise UnsupportedEncoding(
            f'encoding {encoding[:40]!r} is not supported; use one of {", ".join(LAYOUTS)}'
        )
    _check_size(height, width, encoding, layout)
    pixels = _rows(height, width, encoding, step, layout, np.frombuffer(data, np.uint8))
    if layout.item > 1:
        kind = 'f' if layout.item == 4 else 'u'
        order = '>' if big_endian else '<'
        pixels = pixels.view(f'{order}{kind}{layout.item}')
    return layout.convert(pixels.reshape(pixels.shape[0], width, layout.channels))


def _check_size(height: int, width: int, encoding: str, layout: PixelLayout) -> None:
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise MessageError(f'size {width}x{height} is outside 1..{LARGEST_SIDE}')
    if layout.even and (width % 2 or (layout.planes != 1 and height % 2)):
        raise MessageError(f'size {width}x{height} is odd, which {encoding} cannot store')
    if encoding.startswith('bayer') and (width < 4 or height < 4):
        raise MessageError(f'size {width}x{height} is too small for {encoding}')


def _rows(
    height: int, width: int, encoding: str, step: int, layout: PixelLayout, data: np.ndarray
) -> np.ndarray:
    """Return the bytes of the pixels without row padding, uint8 [rows, row bytes]."""
    row = width * layout.channels * layout.item
    rows = int(height * layout.planes)
    if step < row:
        raise MessageError(
            f'step {step} is shorter than a row: {width} x {encoding} = {row} bytes'
        )
    # Some drivers leave out the padding of the last row.
    shortest, longest = step * (rows - 1) + row, step * rows
    if not shortest <= data.size <= longest:
        problem = 'truncated' if data.size < shortest else 'too long'
        raise MessageError(
            f'data is {problem}: {data.size} bytes, {width}x{height} {encoding} with step {step} '
            f'has {longest}'
        )
    if step == row:
        return data.reshape(rows, row)
    return np.lib.stride_tricks.as_strided(data, (rows, row), (step, 1), writeable=False)
