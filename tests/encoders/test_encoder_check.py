# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The stage checks of the inputs pass on the recorded vectors and fail on wrong ones."""

from pathlib import Path
import shutil

import pytest
from safetensors.torch import load_file, save_file

from minicpmo.check import run
from minicpmo.checks.vectors import Vectors

RECORDED = Path(__file__).parents[1] / 'data' / 'minicpmo45'


@pytest.mark.parametrize('name', ['tokenizer', 'image', 'vision', 'mel', 'audio'])
def test_stage_passes(name):
    results = list(run(Vectors(RECORDED), [name]))
    assert results and all(result.passed for result in results), results


@pytest.mark.parametrize(
    ('name', 'tensor', 'change'),
    [
        ('vision', 'f1_m4.output', 3e-4),
        ('mel', 'stream.30', 2e-4),
        ('mel', 'offline.ref', 2e-4),
        ('audio', 'stream.29.embeds', 3e-4),
        ('audio', 'offline.ref_chunk1s', 3e-4),
    ],
)
def test_stage_fails_when_the_recording_differs(tmp_path, name, tensor, change):
    folder = tmp_path / 'vectors'
    shutil.copytree(RECORDED, folder)
    tensors = load_file(folder / f'{name}.safetensors')
    tensors[tensor] = tensors[tensor] + change
    save_file(tensors, folder / f'{name}.safetensors')
    assert not all(result.passed for result in run(Vectors(folder), [name]))
