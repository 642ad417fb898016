# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
import torch
from torch import nn

from minicpmo.audio_encoder import AudioEncoder
from minicpmo.llm import LanguageModel
from training.nano.audio_training import AudioTrainee
from training.nano.language_training import MODEL_FOLDER
from training.nano.precision import has_fast_bfloat16
from training.nano.size import NANO
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


@torch.no_grad()
def test_a_deeper_language_model_computes_what_the_stored_one_does(tmp_path: Path) -> None:
    small = LanguageModel(replace(NANO.llm, vocab_size=50, num_hidden_layers=4)).eval()
    save_file(
        {f'llm.{n}': v for n, v in small.state_dict().items()}, tmp_path / 'model.safetensors'
    )
    deep = nn.ModuleDict({'llm': LanguageModel(replace(NANO.llm, vocab_size=50))}).eval()
    begin_with(deep, tmp_path)
    rows = torch.randn(1, 9, NANO.llm.hidden_size)
    torch.testing.assert_close(deep['llm'](rows), small(rows))
    own = {name: value.clone() for name, value in small.state_dict().items()}
    kept = [
        layer for layer in range(6) if deep['llm'].model.layers[layer].mlp.down_proj.weight.any()
    ]
    assert kept == [0, 1, 3, 5]
    for old, new in enumerate(kept):
        weight = deep['llm'].model.layers[new].self_attn.q_proj.weight
        assert torch.equal(weight, own[f'model.layers.{old}.self_attn.q_proj.weight'])


@torch.no_grad()
def test_a_deeper_audio_encoder_hears_what_the_stored_one_does(tmp_path: Path) -> None:
    small = AudioEncoder(replace(NANO.audio, encoder_layers=4)).eval()
    for parameter in small.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    weights = {f'apm.{name}': value for name, value in small.state_dict().items()}
    save_file(weights, tmp_path / 'model.safetensors')
    deep = nn.ModuleDict({'apm': AudioEncoder(NANO.audio)}).eval()
    begin_with(deep, tmp_path)
    mel = torch.randn(1, 80, 504)
    torch.testing.assert_close(deep['apm'].stream([mel]), small.stream([mel]))
    assert [bool(layer.fc2.weight.any()) for layer in deep['apm'].layers] == [
        True, True, False, True, False, True,
    ]  # fmt: skip


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
