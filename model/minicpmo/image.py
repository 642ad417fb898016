# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures to patches: which slices a picture becomes, how they are scaled, how they are cut.

Scaling is Pillow's bicubic filter on uint8 and sizes follow Python's rounding (half to even), so
the patches equal those of the official code bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Optional

import numpy as np
from PIL import Image
import torch

from minicpmo.config import SlicingConfig
from minicpmo.errors import InputError

LONGEST_ASPECT = 100.0
"""Above this a side would be thousands of patches long."""


@dataclass(frozen=True)
class PatchBatch:
    """All slices of one call, padded to the longest.

    strips: uint8 [slices, 3, patch, patch * longest], patches side by side, row-major.
    sizes: (rows, columns) of every slice [patches].
    """

    strips: torch.Tensor
    sizes: tuple[tuple[int, int], ...]

    def split(self, count: int) -> list[PatchBatch]:
        """Return batches of at most ``count`` slices."""
        starts = range(0, len(self.sizes), count)
        return [
            PatchBatch(self.strips[start : start + count], self.sizes[start : start + count])
            for start in starts
        ]


def require_image(image: object) -> np.ndarray:
    """Return ``image`` if it is a usable RGB picture, uint8 [height, width, 3].

    Raises:
        InputError: naming what is wrong and how to repair it.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f'image is a {type(image).__name__}; pass a numpy array')
    if image.dtype != np.uint8:
        raise InputError(f'image is {image.dtype}; convert it to uint8 in 0..255')
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f'image has shape {image.shape}; pass RGB [height, width, 3]')
    height, width = image.shape[:2]
    if height == 0 or width == 0:
        raise InputError(f'image is {width}x{height}; both sides need at least one pixel')
    if max(width / height, height / width) > LONGEST_ASPECT:
        raise InputError(
            f'image is {width}x{height}; crop it to an aspect of at most {LONGEST_ASPECT:g}:1'
        )
    return image


def require_max_slices(max_slices: object) -> int:
    """Return ``max_slices`` if it is a positive whole number; raise InputError."""
    if not isinstance(max_slices, (int, np.integer)) or isinstance(max_slices, bool):
        raise InputError(f'max_slices is {max_slices!r}; pass a whole number from 1')
    if max_slices < 1:
        raise InputError(f'max_slices is {max_slices}; pass at least 1')
    return int(max_slices)


def choose_grid(
    width: int, height: int, max_slices: int, resolution: int
) -> Optional[tuple[int, int]]:
    """Return (columns, rows) of the detail slices, None for one picture without detail."""
    multiple = min(math.ceil(width * height / resolution**2), max_slices)
    if multiple <= 1:
        return None
    counts = [n for n in (multiple - 1, multiple, multiple + 1) if 1 < n <= max_slices]
    grids = [(m, n // m) for n in counts for m in range(1, n + 1) if n % m == 0]
    aspect = math.log(width / height)
    return min(grids, key=lambda grid: abs(aspect - math.log(grid[0] / grid[1])))


def best_size(
    width: float, height: float, slicing: SlicingConfig, upscale: bool
) -> tuple[int, int]:
    """Return (width, height) in whole patches, about ``scale_resolution`` squared in area."""
    resolution = slicing.scale_resolution
    if upscale or width * height > resolution**2:
        aspect = width / height
        height = int(resolution / math.sqrt(aspect))
        width = int(height * aspect)
    return _round_to(width, slicing.patch_size), _round_to(height, slicing.patch_size)


def slice_image(
    image: np.ndarray, slicing: SlicingConfig, max_slices: Optional[int] = None
) -> list[np.ndarray]:
    """Return the slices of a picture: the whole first, then details row by row.

    Args:
        image: uint8 [height, width, 3], RGB.
        slicing: sizes.
        max_slices: largest number of detail slices; None takes that of ``slicing``.

    Raises:
        InputError: the picture or ``max_slices`` cannot be used.
    """
    picture = Image.fromarray(np.ascontiguousarray(require_image(image)))
    grid = _grid_of(image, slicing, max_slices)
    size = best_size(*picture.size, slicing, upscale=grid is None)
    slices = [_resize(picture, size)]
    if grid is not None:
        slices += _cut(_resize(picture, detail_size(picture.size, grid, slicing)), grid)
    return slices


def count_slices(
    image: np.ndarray, slicing: SlicingConfig, max_slices: Optional[int] = None
) -> int:
    """Return the length of :func:`slice_image` without scaling anything; raise InputError."""
    grid = _grid_of(require_image(image), slicing, max_slices)
    return 1 if grid is None else 1 + grid[0] * grid[1]


def to_strip(image: np.ndarray, patch_size: int) -> np.ndarray:
    """Return uint8 [3, patch, patches * patch] of [height, width, 3] in whole patches."""
    rows, columns = image.shape[0] // patch_size, image.shape[1] // patch_size
    cells = image.reshape(rows, patch_size, columns, patch_size, 3)
    return cells.transpose(4, 1, 0, 2, 3).reshape(3, patch_size, -1)


def normalise(strips: torch.Tensor) -> torch.Tensor:
    """Return float32 in [-1, 1] of uint8, in the order of operations of the official code."""
    return (strips.to(torch.float32) / 255.0 - 0.5) / 0.5


def batch_patches(slices: Sequence[np.ndarray], patch_size: int) -> PatchBatch:
    """Return the padded batch of slices that are whole patches in size."""
    strips = [torch.from_numpy(to_strip(image, patch_size)) for image in slices]
    longest = max(strip.shape[-1] for strip in strips)
    batch = torch.zeros(len(strips), 3, patch_size, longest, dtype=torch.uint8)
    for row, strip in zip(batch, strips, strict=True):
        row[..., : strip.shape[-1]] = strip
    sizes = ((i.shape[0] // patch_size, i.shape[1] // patch_size) for i in slices)
    return PatchBatch(batch, tuple(sizes))


def _grid_of(
    image: np.ndarray, slicing: SlicingConfig, max_slices: Optional[int]
) -> Optional[tuple[int, int]]:
    limit = slicing.max_slice_nums if max_slices is None else require_max_slices(max_slices)
    return choose_grid(image.shape[1], image.shape[0], limit, slicing.scale_resolution)


def detail_size(
    size: tuple[int, int], grid: tuple[int, int], slicing: SlicingConfig
) -> tuple[int, int]:
    """Return the size to which the original is scaled before it is cut into ``grid``."""
    cell = [_round_to(side, count) / count for side, count in zip(size, grid, strict=True)]
    width, height = best_size(*cell, slicing, upscale=True)
    return width * grid[0], height * grid[1]


def _cut(image: np.ndarray, grid: tuple[int, int]) -> list[np.ndarray]:
    height, width = image.shape[0] // grid[1], image.shape[1] // grid[0]
    return [
        image[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(grid[1])
        for column in range(grid[0])
    ]


def _resize(picture: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def _round_to(length: float, divisor: int) -> int:
    """Return the nearest positive multiple; Python's round takes halves to the even one."""
    return max(round(length / divisor) * divisor, divisor)
