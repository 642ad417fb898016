# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
import torch

from minicpmo import check
from minicpmo.checks.registry import all_stages
from minicpmo.checks.stage import Comparison
from minicpmo.checks.vectors import Vectors
from minicpmo.errors import CheckpointError


@pytest.fixture
def copy(vectors, tmp_path):
    """Return a copy of the recorded set that may be damaged."""
    folder = tmp_path / 'recorded'
    shutil.copytree(vectors.folder, folder)
    return folder


@pytest.mark.parametrize('stage', all_stages(), ids=lambda stage: stage.name)
def test_recorded_vectors_are_equal(vectors, stage):
    results = list(check.run_stage(stage, vectors))
    assert results
    assert [result.line() for result in results if not result.passed] == []
    if stage.name == 'duplex':
        assert sum(result.name.startswith('trace ') for result in results) == 9


def test_changed_weights_fail(copy, capsys):
    weights = load_file(copy / 'weights.safetensors')
    weights['llm.model.norm.weight'] = weights['llm.model.norm.weight'] * 1.001
    save_file(weights, copy / 'weights.safetensors')
    assert check.main([str(copy), '--stage', 'llm']) == 1
    assert 'FAIL llm whole' in capsys.readouterr().out


def test_a_different_decision_is_named(copy, capsys):
    path = copy / 'duplex_audio.json'
    for other in set(copy.glob('duplex_*.json')) - {path}:
        other.unlink()
    trace = json.loads(path.read_text())
    event = [e for e in trace['units'][1]['generate'] if e['ev'] == 'decode'][2]
    event['chosen'] += 1
    path.write_text(json.dumps(trace))
    assert check.main([str(copy), '--stage', 'duplex']) == 1
    assert 'FAIL trace duplex_audio' in (out := capsys.readouterr().out)
    assert f'unit 1 token 2: {event["chosen"] - 1} instead of {event["chosen"]}' in out


def test_a_stage_without_files_is_said_to_be_unchecked(copy, capsys):
    for name in ('decode.json', 'decode.safetensors'):
        (copy / name).unlink()
    assert check.main([str(copy), '--stage', 'decode', '--stage', 'llm']) == 0
    assert 'none decode' in (out := capsys.readouterr().out)
    assert '1 not checked' in out
    assert check.main([str(copy), '--stage', 'decode']) == 1, 'nothing passed'


@pytest.mark.parametrize('name', ['decode.safetensors', 'id_map.json'])
def test_half_a_stage_fails(copy, name):
    (copy / name).unlink()
    assert check.main([str(copy), '--stage', 'decode']) == 1


def test_a_record_without_a_field_fails(copy, capsys):
    path = copy / 'llm.json'
    recorded = json.loads(path.read_text())
    del recorded['evict']
    path.write_text(json.dumps(recorded))
    assert check.main([str(copy), '--stage', 'llm']) == 1
    assert 'KeyError' in capsys.readouterr().out


def test_a_folder_must_exist(tmp_path, capsys):
    assert check.main([str(tmp_path / 'nothing')]) == 2
    assert 'no such folder' in capsys.readouterr().err
    with pytest.raises(CheckpointError, match='incomplete'):
        Vectors(tmp_path).json('config.json')


def test_errors_are_measured():
    comparison = Comparison('x', tolerance=0.01)
    comparison.add('a', np.array([1.0, 2.0]), torch.tensor([1.0, 2.005], dtype=torch.float64))
    assert comparison.result().max_abs == pytest.approx(0.005)
    assert comparison.result().max_rel == pytest.approx(0.005 / 2.005)
    assert comparison.result().passed
    comparison.add('b', np.array([np.nan]), np.array([1.0]))
    assert not comparison.result().passed


def test_infinite_and_missing_values_count():
    comparison = Comparison('x', tolerance=0.01)
    comparison.add('same', np.array([-np.inf, np.nan]), np.array([-np.inf, np.nan]))
    assert comparison.result().passed
    comparison.add('shape', np.zeros(2), np.zeros(3))
    assert 'shape: shape (2,) instead of (3,)' in comparison.result().line()
    assert not Comparison('nothing', 1.0).result().passed
