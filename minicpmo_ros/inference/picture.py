# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decode the picture files inside a unit."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from minicpmo_ros.errors import MessageError

# Far above what perception sends; a larger claim is a damaged or hostile file.
MOST_PIXELS = 50_000_000


def decode_picture(data: bytes) -> np.ndarray:
    """Return a JPEG or PNG file as uint8 [height, width, 3], RGB.

    :raises MessageError: when the file is damaged, no picture, or absurdly large.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise MessageError(f'picture of {picture.width}x{picture.height} is too large')
            return np.asarray(picture.convert('RGB'))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MessageError(f'picture of {len(data)} bytes cannot be decoded: {error}') from error
