# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Patch embedding, tower and resampler against ``vision.*``."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from minicpmo.checks.image_check import recorded_image
from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.image import batch_patches, slice_image
from minicpmo.resampler import Resampler, position_table
from minicpmo.vision import VisionTower

TOLERANCE = 1e-4


def every(actual: torch.Tensor, expected: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Return ``actual`` at the stride at which ``expected`` was recorded along ``dim``."""
    rows, kept = actual.shape[dim], expected.shape[dim]
    stride = next(s for s in range(1, rows + 1) if -(-rows // s) <= kept)
    return actual[(slice(None),) * dim + (slice(None, None, stride),)]


@stage('vision', needs=('vision.json', 'vision.safetensors', 'weights.safetensors', 'image.json'))
@torch.inference_mode()
def check_vision(vectors: Vectors) -> Iterator[StageResult]:
    """Encode the recorded pictures as batches and slice by slice."""
    config = ModelConfig.from_dict(vectors.config['model'])
    tower, resampler = VisionTower(config).eval(), Resampler(config).eval()
    tower.load_state_dict(vectors.weights_of('vpm.'))
    resampler.load_state_dict(vectors.weights_of('resampler.'))
    tower.to(vectors.device)
    resampler.to(vectors.device)
    recorded = vectors.tensors('vision.safetensors')
    batched = Comparison('vision', TOLERANCE)
    single = Comparison('vision slice by slice', TOLERANCE)
    for case in vectors.json('vision.json')['cases']:
        name = f'{case["image"]}_m{case["max_slice_nums"]}'
        picture = recorded_image(vectors, case['image'])
        slices = slice_image(picture, config.slicing, case['max_slice_nums'])
        batch = batch_patches(slices, config.slicing.patch_size)
        features = tower(batch)
        stages = {
            'tgt_sizes': torch.tensor(batch.sizes),
            'patch_plus_pos': tower.embeddings(batch)[0],
            'siglip_last': features[0],
        }
        for key, actual in stages.items():
            if f'{name}.{key}' in recorded:
                expected = recorded[f'{name}.{key}']
                batched.add(f'{name} {key}', every(actual, expected), expected)
        expected = recorded[f'{name}.output']
        output = resampler(features, batch.sizes)
        batched.add(f'{name} output', every(output, expected, 1), expected)
        alone = [batch_patches([image], config.slicing.patch_size) for image in slices]
        output = torch.cat([resampler(tower(part), part.sizes) for part in alone])
        single.add(f'{name} output', every(output, expected, 1), expected)
    yield batched.result()
    yield single.result()
    yield _check_positions(config, recorded['resampler.pos_embed_sample'])


def _check_positions(config: ModelConfig, sample: torch.Tensor) -> StageResult:
    """Compare the sincos table of the largest official size."""
    assert config.vision is not None
    side, width = config.vision.patches_per_side, sample.shape[-1]
    table = position_table(side, side, width, torch.device('cpu'), torch.float32)
    table = table.view(side, side, width)
    comparison = Comparison('resampler positions', TOLERANCE)
    comparison.add('table', every(every(table, sample, 0), sample, 1), sample)
    return comparison.result()
