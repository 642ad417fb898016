# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of events, made so coarse that no face can be recognised.

No face detector that may be shipped is reliable enough to promise that it finds every face, so
the whole picture is coarsened: MOSAIC_COLUMNS cells across. A face that fills a quarter of the
picture's width is then 8 cells wide, fewer than people or machines can name anybody from, while
a person on the floor, an open door or steam are still seen.
"""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from minicpmo_ros.errors import MessageError

MOSAIC_COLUMNS = 32
_LONGEST_SIDE = 640
_MOST_PIXELS = 50_000_000
_QUALITY = 85


def coarsen(picture: bytes) -> bytes:
    """Return a JPEG or PNG file as a mosaic, JPEG, without any other data of the file.

    :raises MessageError: when the file is damaged or absurdly large.
    """
    try:
        with Image.open(io.BytesIO(picture)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise MessageError(f'picture of {image.width}x{image.height} is too large')
            rows = max(1, round(MOSAIC_COLUMNS * image.height / image.width))
            cells = image.convert('RGB').resize((MOSAIC_COLUMNS, rows), Image.Resampling.BOX)
            scale = min(1.0, _LONGEST_SIDE / max(image.size))
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MessageError(f'picture of {len(picture)} bytes is not readable: {error}') from error
    result = io.BytesIO()
    # Pixels only: comments and other data of the file would be saved along.
    bare = Image.frombytes('RGB', cells.size, cells.tobytes())
    bare.resize(size, Image.Resampling.NEAREST).save(result, 'JPEG', quality=_QUALITY)
    return result.getvalue()
