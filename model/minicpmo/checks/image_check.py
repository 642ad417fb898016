# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Slicing arithmetic, scaled slices and patch tensors, all exact, against ``image.*``."""

from __future__ import annotations

from collections.abc import Iterator
import hashlib
import re
from typing import Any

import numpy as np
from PIL import Image
import torch

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig, SlicingConfig
from minicpmo.image import (
    best_size,
    choose_grid,
    count_slices,
    detail_size,
    normalise,
    slice_image,
    to_strip,
)


def recorded_image(vectors: Vectors, name: str) -> np.ndarray:
    """Return the picture ``inputs/NAME.png`` as uint8 [height, width, 3]."""
    with Image.open(vectors.path(f'inputs/{name}.png')) as image:
        return np.asarray(image.convert('RGB'))


@stage('image', needs=('image.json', 'image.safetensors', 'config.json'))
def check_image(vectors: Vectors) -> Iterator[StageResult]:
    """Compare grids and sizes, then every slice and patch tensor bit by bit."""
    recorded = vectors.json('image.json')
    slicing = ModelConfig.from_dict(vectors.config['model']).slicing
    yield _check_arithmetic(recorded['arithmetic'], slicing)
    comparison = Comparison('image patches', tolerance=0.0)
    corners = vectors.tensors('image.safetensors')
    for case in recorded['cases']:
        _check_case(comparison, vectors, case, slicing, corners)
    yield comparison.result()


def _check_arithmetic(cases: list[dict[str, Any]], slicing: SlicingConfig) -> StageResult:
    comparison = Comparison('image arithmetic', tolerance=0.0)
    for case in cases:
        width, height = case['size_wh']
        for key, expected in case.items():
            if re.fullmatch(r'm\d+', key):
                actual = _plan(width, height, int(key[1:]), slicing)
                comparison.equal(f'{width}x{height} {key}', actual, expected)
    return comparison.result()


def _plan(width: int, height: int, max_slices: int, slicing: SlicingConfig) -> dict[str, Any]:
    """Return grid and sizes in the form in which they are recorded."""
    grid = choose_grid(width, height, max_slices, slicing.scale_resolution)
    source = list(best_size(width, height, slicing, upscale=grid is None))
    if grid is None:
        return {'grid': None, 'source': source}
    refine = list(detail_size((width, height), grid, slicing))
    return {'grid': list(grid), 'source': source, 'refine': refine}


def _check_case(
    comparison: Comparison,
    vectors: Vectors,
    case: dict[str, Any],
    slicing: SlicingConfig,
    corners: dict[str, torch.Tensor],
) -> None:
    label = f'{case["image"]}_m{case["max_slice_nums"]}'
    picture = recorded_image(vectors, case['image'])
    slices = slice_image(picture, slicing, case['max_slice_nums'])
    comparison.equal(f'{label} slices', len(slices), case['n_images'])
    count = count_slices(picture, slicing, case['max_slice_nums'])
    comparison.equal(f'{label} counted slices', count, case['n_images'])
    if case.get('resized_png'):
        with Image.open(vectors.path(case['resized_png'])) as resized:
            comparison.add(f'{label} scaled', slices[0], np.asarray(resized.convert('RGB')))
    for index, (image, expected) in enumerate(zip(slices, case['slices'], strict=True)):
        patches = normalise(torch.from_numpy(to_strip(image, slicing.patch_size))).numpy()
        _check_slice(comparison, f'{label} slice {index}', image, patches, expected)
        corner = corners.get(f'{label}.slice{index}_patch_corner')
        if corner is not None:
            shown = tuple(slice(0, side) for side in corner.shape)
            comparison.add(f'{label} corner {index}', patches[shown], corner)


def _check_slice(
    comparison: Comparison,
    label: str,
    image: np.ndarray,
    patches: np.ndarray,
    expected: dict[str, Any],
) -> None:
    comparison.equal(f'{label} size', [image.shape[1], image.shape[0]], _size(expected))
    comparison.equal(f'{label} pixels', _sha256(image), expected['u8_hwc_sha256'])
    comparison.equal(f'{label} shape', list(patches.shape), expected['patch_shape'])
    comparison.equal(f'{label} patches', _sha256(patches), expected['patch_f32_sha256'])


def _size(expected: dict[str, Any]) -> list[int]:
    return [expected['w'], expected['h']]


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
