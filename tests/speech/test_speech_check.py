# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The checks of speech must notice every kind of deviation."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from minicpmo import check


def damaged(recorded, folder, name, key, factor=1.01):
    shutil.copytree(recorded.folder, folder)
    tensors = load_file(folder / name)
    tensors[key] = tensors[key] * factor
    save_file(tensors, folder / name)
    return str(folder)


@pytest.mark.parametrize(
    ('stage', 'name', 'key', 'line'),
    [
        ('tts', 'weights.safetensors', 'tts.model.norm.weight', 'FAIL tts logits'),
        ('tts', 'weights.safetensors', 'tts.emb_text.weight', 'FAIL tts condition'),
        ('tts', 'tts.safetensors', 'head_weight_row_sample', 'FAIL tts head'),
        (
            'prompt_features',
            'prompt_features.safetensors',
            'resampled_24k_every_7th',
            'FAIL prompt_features resampled',
        ),
        (
            'token2wav_106',
            'token2wav_flow.safetensors',
            'encoder_proj.weight',
            'FAIL token2wav_106 mel',
        ),
        (
            'token2wav_106',
            'token2wav_hift.safetensors',
            'conv_post.parametrizations.weight.original0',
            'FAIL token2wav_106 wave',
        ),
        (
            'token2wav_107',
            'token2wav_hift_causal.safetensors',
            'm_source.l_linear.weight',
            'FAIL token2wav_107 wave',
        ),
    ],
)
def test_a_change_of_one_percent_is_found(recorded, tmp_path, capsys, stage, name, key, line):
    folder = damaged(recorded, tmp_path / 'recorded', name, key)
    assert check.main([folder, '--stage', stage]) == 1
    assert line in capsys.readouterr().out


def test_another_code_is_found(recorded, tmp_path, capsys):
    folder = tmp_path / 'recorded'
    shutil.copytree(recorded.folder, folder)
    trace = json.loads((folder / 'tts.json').read_text())
    trace['chunks'][2]['greedy']['returned'][7] += 1
    (folder / 'tts.json').write_text(json.dumps(trace))
    assert check.main([str(folder), '--stage', 'tts']) == 1
    assert 'FAIL tts greedy' in capsys.readouterr().out
