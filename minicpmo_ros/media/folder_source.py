# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures, shown one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import Item, Picture

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


class FolderSource:
    """The pictures of a folder in the order of their names, ``period`` seconds each.

    :raises MediaError: when the folder holds no pictures.
    """

    def __init__(self, folder: Path, period: float = 1.0) -> None:
        self.period = period
        self.paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        if not self.paths:
            raise MediaError(f'{folder} holds no pictures ({", ".join(SUFFIXES)})')
        self.duration = len(self.paths) * period

    def items(self, start: float = 0.0) -> Iterator[Item]:
        """Yield the pictures from ``start`` [s] on."""
        for index, path in enumerate(self.paths):
            if index * self.period >= start:
                yield Picture(index * self.period, _read(path))


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert('RGB'))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MediaError(f'{path} cannot be read as a picture: {error}') from error
