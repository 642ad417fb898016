# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tower and resampler: batches equal single slices; sizes follow the configuration."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from minicpmo.config import LanguageConfig, ModelConfig, SlicingConfig, VisionConfig
from minicpmo.image import batch_patches, slice_image
from minicpmo.resampler import Resampler, position_table
from minicpmo.vision import VisionTower, position_buckets, position_ids

MANIFEST = Path(__file__).parents[1] / 'data' / 'manifest'


def make(hidden: int = 128, queries: int = 16, batch_size: int = 16):
    llm = LanguageConfig(10, hidden, 48, 1, 2, 2, head_dim=8)
    vision = VisionConfig(32, 64, 3, 2, image_size=224)
    config = ModelConfig(
        llm, vision, slicing=SlicingConfig(scale_resolution=224), query_num=queries,
        vision_batch_size=batch_size,
    )  # fmt: skip
    torch.manual_seed(11)
    return config, VisionTower(config).eval(), Resampler(config).eval()


def slices_of(config: ModelConfig) -> list[np.ndarray]:
    """Return 1 + 4 + 1 slices of different shapes."""
    rng = np.random.default_rng(4)
    shapes = ((500, 400, 3, 4), (90, 300, 3, 1))
    pictures = [(rng.integers(0, 256, shape[:3], dtype=np.uint8), shape[3]) for shape in shapes]
    return [s for image, limit in pictures for s in slice_image(image, config.slicing, limit)]


def test_position_buckets_equal_the_recorded_table():
    file = MANIFEST / 'siglip_position_buckets.json'
    table = json.loads(file.read_text(encoding='utf-8'))['table']
    assert len(table) > 100
    for patches, rows in table.items():
        assert list(position_buckets(int(patches), 70)) == rows, patches


def test_position_ids_are_rows_times_side_plus_columns():
    assert position_ids((2, 3), 16).tolist() == [0, 5, 10, 128, 133, 138]


@torch.inference_mode()
def test_batch_equals_slices_one_by_one():
    config, tower, resampler = make()
    slices = slices_of(config)
    batch = batch_patches(slices, 14)
    assert len({rows * columns for rows, columns in batch.sizes}) > 1
    together = resampler(tower(batch), batch.sizes)
    assert together.shape == (6, 16, 128)
    for row, part in zip(together, slices, strict=True):
        alone = batch_patches([part], 14)
        expected = resampler(tower(alone), alone.sizes)[0]
        torch.testing.assert_close(row, expected, rtol=0, atol=5e-6)


@torch.inference_mode()
def test_batch_larger_than_one_pass_of_the_tower():
    config, tower, resampler = make()
    _, small_tower, _ = make(batch_size=2)
    batch = batch_patches(slices_of(config), 14)
    whole, split = tower(batch), small_tower(batch)
    expected = resampler(whole, batch.sizes)
    torch.testing.assert_close(resampler(split, batch.sizes), expected, rtol=0, atol=5e-6)


@torch.inference_mode()
def test_padding_has_no_influence():
    config, tower, resampler = make()
    batch = batch_patches(slices_of(config), 14)
    expected = resampler(tower(batch), batch.sizes)
    for row, (rows, columns) in zip(batch.strips, batch.sizes, strict=True):
        row[..., rows * columns * 14 :] = 255
    torch.testing.assert_close(resampler(tower(batch), batch.sizes), expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize('hidden', [32, 128, 256])
def test_gradients_reach_every_parameter_after_inference(hidden):
    config, tower, resampler = make(hidden)
    batch = batch_patches(slices_of(config), 14)
    with torch.inference_mode():
        resampler(tower(batch), batch.sizes)
    resampler(tower(batch), batch.sizes).square().mean().backward()
    for name, parameter in [*tower.named_parameters(), *resampler.named_parameters()]:
        if 'k_proj.bias' not in name:  # a constant added to every key changes nothing
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_positions_exist_for_any_size():
    table = position_table(1, 320, 64, torch.device('cpu'), torch.float32)
    assert table.shape == (320, 64) and torch.isfinite(table).all()
    assert len({tuple(row) for row in table.tolist()}) == 320
