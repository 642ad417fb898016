# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decode the picture files inside a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import io
from typing import Optional

import numpy as np
from PIL import Image, UnidentifiedImageError

from minicpmo_ros.errors import MessageError

# Far above what perception sends; a larger claim is a damaged or hostile file.
MOST_PIXELS = 50_000_000


def readable_pictures(
    files: Iterable[bytes], longest_side: Optional[int], report: Callable[[str], None]
) -> tuple[np.ndarray, ...]:
    """Return the pictures of a unit; those that cannot be decoded are reported and left out.

    The sound of the unit is worth keeping. Arguments as for :func:`decode_picture`.
    """
    pictures = []
    for data in files:
        try:
            pictures.append(decode_picture(data, longest_side))
        except MessageError as error:
            report(str(error))
    return tuple(pictures)


def decode_picture(data: bytes, longest_side: Optional[int] = None) -> np.ndarray:
    """Return a JPEG or PNG file as uint8 [height, width, 3], RGB.

    :param longest_side: scale a larger picture down to this [pixels].

    :raises MessageError: when the file is damaged, no picture, or absurdly large.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise MessageError(f'picture of {picture.width}x{picture.height} is too large')
            if longest_side is not None:
                # A JPEG is decoded at a fraction of its size at once.
                picture.draft('RGB', (longest_side, longest_side))
                picture.thumbnail((longest_side, longest_side))
            return np.asarray(picture.convert('RGB'))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MessageError(f'picture of {len(data)} bytes cannot be decoded: {error}') from error
