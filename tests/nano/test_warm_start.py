# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
import torch

from training.nano.audio_training import AudioTrainee
from training.nano.language_training import MODEL_FOLDER
from training.nano.precision import has_fast_bfloat16
from training.nano.vision_training import VisionTrainee
from training.nano.warm_start import SHIPPED, begin_with, scale_audio_rows


def _shipped() -> dict[str, torch.Tensor]:
    return load_file(MODEL_FOLDER / 'model.safetensors')


def test_an_audio_stage_begins_with_the_shipped_weights_and_scales_back_to_them() -> None:
    trainee, weights = AudioTrainee(5), _shipped()
    begin_with(trainee, MODEL_FOLDER)
    scale_audio_rows(trainee)
    for name, value in trainee.state_dict().items():
        if name.startswith(SHIPPED):
            torch.testing.assert_close(value, weights[name].float())


def test_the_heads_that_do_not_ship_stay_new() -> None:
    trainee = VisionTrainee()
    before = {name: value.clone() for name, value in trainee.state_dict().items()}
    begin_with(trainee, MODEL_FOLDER)
    changed = {n for n, value in trainee.state_dict().items() if not torch.equal(value, before[n])}
    assert changed and all(name.startswith(SHIPPED) for name in changed)


def test_a_folder_without_a_part_is_refused(tmp_path: Path) -> None:
    weights = {n: v for n, v in _shipped().items() if not n.startswith('vpm.')}
    save_file(weights, tmp_path / 'model.safetensors')
    with pytest.raises(ValueError, match='vpm'):
        begin_with(VisionTrainee(), tmp_path)


@pytest.mark.parametrize(
    ('flags', 'fast'), [('fma avx2', False), ('avx2 avx512_bf16', True), ('amx_bf16', True)]
)
def test_bfloat16_is_used_only_where_the_processor_multiplies_it(
    tmp_path: Path, flags: str, fast: bool
) -> None:
    path = tmp_path / 'cpuinfo'
    path.write_text(f'flags : fpu {flags}\n')
    assert has_fast_bfloat16('cpu', path) is fast
    assert not has_fast_bfloat16('cpu', tmp_path / 'missing')
