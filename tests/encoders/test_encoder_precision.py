# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lower precisions stay near float32 on the recorded model, also on a GPU where there is one."""

from pathlib import Path

import pytest
import torch

from minicpmo.checkpoint import load_model
from minicpmo.checks.image_check import recorded_image
from minicpmo.checks.mel_check import recorded_audio, tiled_units
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.image import batch_patches, slice_image
from minicpmo.mel import LogMel

TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'
DEVICES = ['cpu'] + (['cuda'] if torch.cuda.is_available() else [])
BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}
"""Largest deviation from float32 on the CPU, relative to the root mean square of the rows."""


def encode(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return picture rows (a padded batch) and audio rows (seven seconds of a stream)."""
    config = ModelConfig.from_folder(TINY).without('speech')
    model = load_model(TINY, config, device, dtype)
    vectors = Vectors(TINY)
    slices = slice_image(recorded_image(vectors, 'f3'), config.slicing, 4)
    with torch.inference_mode():
        pictures = model.encode_patches(batch_patches(slices, 14))
        cache, rows = model.apm.new_cache(), []
        for mel in LogMel().stream(tiled_units(recorded_audio(vectors, 'speech'), 7).reshape(-1)):
            frames = model.apm.step(cache, mel.to(device))
            rows.append(model.audio_projection_layer(frames)[0])
    return pictures.float().cpu(), torch.cat(rows).float().cpu()


@pytest.fixture(scope='module')
def reference() -> tuple[torch.Tensor, torch.Tensor]:
    return encode('cpu', torch.float32)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', list(BOUNDS))
def test_rows_stay_near_those_of_float32(reference, device, dtype):
    for actual, expected in zip(encode(device, dtype), reference, strict=True):
        assert torch.isfinite(actual).all()
        error = (actual - expected).square().mean().sqrt() / expected.square().mean().sqrt()
        assert error <= BOUNDS[dtype], float(error)
