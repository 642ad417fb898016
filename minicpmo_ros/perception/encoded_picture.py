# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes, reduces and encodes pictures as JPEG or PNG files in memory."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from minicpmo_ros.errors import MessageError

LARGEST_PIXELS = 64_000_000
# Markers of frame headers that hold the size: baseline, extended, progressive, lossless ...
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Decoders fill what is missing of a cut file with gray, so the end is looked for here; cameras
# pad their buffers with zeros behind it.
END_SEARCH = 4096


def decode(format_text: str, data: memoryview | bytes, longest_side: int = 0) -> np.ndarray:
    """Return a ``sensor_msgs/CompressedImage`` as uint8 RGB [height, width, 3].

    :param longest_side: decode at a fraction of the size that is still at least this large in
        pixels, which saves most of the time for large files; 0 decodes all.
    :raises MessageError: for depth transport, unknown formats, truncated or broken files.
    """
    if 'compressedDepth' in format_text:
        raise MessageError(
            f'format {format_text[:60]!r} is a depth transport, not a picture; use the colour '
            "topic's .../compressed"
        )
    view = np.frombuffer(data, np.uint8)
    height, width = encoded_size(view)
    if not 0 < width * height <= LARGEST_PIXELS:
        raise MessageError(f'picture of {width}x{height} pixels is not usable')
    pixels = cv2.imdecode(view, _reduction(max(height, width), longest_side))
    if pixels is None:
        raise MessageError(f'broken picture of {view.size} bytes (format {format_text[:60]!r})')
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def encoded_size(data: np.ndarray) -> tuple[int, int]:
    """Return height and width [pixels] of a JPEG or PNG file, uint8 [n], without decoding it."""
    head = data[:32].tobytes()
    if head[:2] == b'\xff\xd8':
        if b'\xff\xd9' not in data[-END_SEARCH:].tobytes():
            raise MessageError(f'truncated JPEG: {data.size} bytes without end marker')
        return _jpeg_size(data)
    if head[:8] == b'\x89PNG\r\n\x1a\n' and head[12:16] == b'IHDR':
        if b'IEND' not in data[-END_SEARCH:].tobytes():
            raise MessageError(f'truncated PNG: {data.size} bytes without end chunk')
        width, height = struct.unpack('>II', head[16:24])
        return height, width
    raise MessageError(
        f'{data.size} bytes that begin with {head[:4].hex() or "nothing"} are neither JPEG nor PNG'
    )


def reduce(picture: np.ndarray, longest_side: int) -> np.ndarray:
    """Return the picture with its longer side at most ``longest_side`` pixels, aspect kept.

    Averages areas, which does not alias; pictures are never enlarged, 0 leaves all as they are.
    """
    height, width = picture.shape[:2]
    if longest_side <= 0 or max(height, width) <= longest_side:
        return picture
    scale = longest_side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def encode_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return uint8 RGB [height, width, 3] as a JPEG file, uint8 [n]; quality 1..100."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise MessageError(f'picture of shape {picture.shape} cannot be encoded as JPEG')
    return data


def _jpeg_size(data: np.ndarray) -> tuple[int, int]:
    position = 2
    while position + 9 <= data.size and data[position] == 0xFF:
        marker = int(data[position + 1])
        if marker in START_OF_FRAME:
            height, width = struct.unpack('>HH', data[position + 5 : position + 9].tobytes())
            return height, width
        if marker == 0xFF:
            position += 1  # fill byte
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2  # marker without content
        else:
            position += 2 + int(data[position + 2]) * 256 + int(data[position + 3])
    raise MessageError(f'broken JPEG: {data.size} bytes without frame header')


def _reduction(side: int, longest_side: int) -> int:
    """Return OpenCV's decoding flag for the smallest fraction that is still large enough."""
    if longest_side > 0:
        for fraction, flag in (
            (8, cv2.IMREAD_REDUCED_COLOR_8),
            (4, cv2.IMREAD_REDUCED_COLOR_4),
            (2, cv2.IMREAD_REDUCED_COLOR_2),
        ):
            if side >= longest_side * fraction:
                return flag
    return cv2.IMREAD_COLOR
