# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The latency benchmark counts the work of units; times are not tested."""

from dataclasses import replace
import json

import pytest
import torch

from benchmarks import measurement, random_folder, unit_latency
from benchmarks.latency.copy_bandwidth import decode_bytes
from benchmarks.latency.model_size import FULL, NANO, TINY
from benchmarks.latency.session_engine import SessionEngine, tensor_bytes
from benchmarks.latency.unit_engine import UnitKind
from minicpmo.config import ModelConfig

CPU = torch.device('cpu')
LISTEN = UnitKind('listen')
PICTURE = UnitKind('listen with picture', 224)


@pytest.fixture(scope='module')
def engine():
    engine = SessionEngine('nano', CPU, torch.float32)
    yield engine
    engine.close()


@pytest.mark.parametrize('kind', [LISTEN, PICTURE])
def test_listening_costs_one_forward_and_one_vocabulary_row(engine, kind):
    for _ in range(3):
        cost = engine.run(kind)
        assert (cost.forwards, cost.vocabulary_rows) == (1, 1)
    assert cost.stages['total'] >= cost.stages['prefill'] > 0


@pytest.mark.parametrize('text_tokens', [1, 8])
def test_speaking_costs_one_forward_more_than_tokens(engine, text_tokens):
    fed = text_tokens + 1  # and <|speak|>
    for _ in range(3):
        cost = engine.run(UnitKind('speak', 0, text_tokens))
        assert (cost.forwards, cost.vocabulary_rows) == (fed + 1, fed + 1)


def test_speech_comes_from_the_decoder_of_the_model():
    engine = SessionEngine('tiny', CPU, torch.float32)
    cost = engine.run(UnitKind('speak', 0, 8))
    assert cost.stages['speech'] > 0 and cost.forwards == 10
    without_speech = 2 * 2 * 2 * 8192 * 16 * 4
    assert engine.cache_bytes > without_speech
    engine.close()


def test_cache_bytes_are_constant(engine):
    before = engine.cache_bytes
    for kind in (LISTEN, PICTURE, UnitKind('speak', 0, 3)):
        engine.run(kind)
    assert engine.cache_bytes == before
    assert tensor_bytes([torch.zeros(3), {'a': torch.zeros(2)}, torch.nn.Linear(9, 9)]) == 20


def test_floor_counts_the_weights_of_one_token():
    matrices = 8189195264 - 151748 * 4096 - (36 * (2 * 4096 + 2 * 128) + 4096)
    assert decode_bytes(FULL.model.llm, torch.bfloat16) == 2 * matrices
    small = TINY.model.llm
    assert decode_bytes(small, torch.float32) > small.vocab_size * small.hidden_size * 4


def test_nano_is_the_size_that_ships():
    shipped = ModelConfig.from_folder(random_folder.NANO)
    assert NANO.model.llm == replace(shipped.llm, vocab_size=NANO.model.llm.vocab_size)
    for part in ('vision', 'audio', 'speech', 'slicing', 'query_num'):
        assert getattr(NANO.model, part) == getattr(shipped, part), part


ADAPTER = """
from benchmarks.latency.unit_engine import UnitCost

class Other:
    name = 'other'
    cache_bytes = 5

    def __init__(self, size, device, dtype):
        self.size = size

    def run(self, kind):
        return UnitCost({'total': 0.25})

    def close(self):
        pass
"""


def test_engines_are_measured_side_by_side_and_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measurement, 'RESULTS', tmp_path)
    monkeypatch.setattr(unit_latency, 'copy_bandwidth', lambda device: 1e10)
    monkeypatch.setattr(unit_latency, 'WARM_UP', 0)
    adapter = tmp_path / 'other.py'
    adapter.write_text(ADAPTER, encoding='utf-8')
    arguments = ['--size', 'nano', '--device', 'cpu', '--units', '1', '--record']
    assert unit_latency.main([*arguments, '--adapter', f'{adapter}:Other']) == 0
    record = json.loads((tmp_path / 'unit_latency_nano_cpu_float32.json').read_text())
    assert record['rows']['other speak total']['p95'] == 250.0
    assert record['rows']['minicpmo listen total']['n'] == 1
    assert record['counts']['minicpmo']['listen']['forwards'] == [1]
    assert record['floor']['minicpmo']['ratio_to_floor'] > 0 and record['conditions']['command']
    assert 'official code: 3 forwards' in capsys.readouterr().out


@pytest.mark.parametrize('offload', [False, True])
def test_fixed_shapes_are_measured_on_any_device(tmp_path, monkeypatch, capsys, offload):
    monkeypatch.setattr(measurement, 'RESULTS', tmp_path)
    monkeypatch.setattr(unit_latency, 'copy_bandwidth', lambda device: 1e10)
    monkeypatch.setattr(unit_latency, 'WARM_UP', 0)
    arguments = ['--size', 'tiny', '--device', 'cpu', '--units', '2', '--record']
    arguments += ['--offload'] if offload else []
    assert unit_latency.main([*arguments, '--cuda-graphs', 'true']) == 0
    [result] = tmp_path.glob('unit_latency_tiny_cpu_float32*.json')
    record = json.loads(result.read_text())
    assert record['offload'] is offload and ('offload' in result.name) is offload
    counts = record['counts']['minicpmo graphs']
    assert counts['speak']['forwards'] == counts['speak']['vocabulary_rows'] == [10]
    assert record['rows']['minicpmo graphs speak speech']['n'] == 2
    shown = capsys.readouterr().out
    assert 'fixed shapes without CUDA graphs, attention sdpa; ready after' in shown


def test_size_that_does_not_fit_is_refused_with_the_plan(monkeypatch, capsys):
    monkeypatch.setattr(unit_latency, 'available_memory', lambda device: 1 << 20)
    assert unit_latency.main(['--size', 'nano', '--device', 'cpu']) == 1
    assert '0.0 GiB are free' in capsys.readouterr().out


@pytest.mark.parametrize(('adapter', 'message'), [('none.py:A', 'no such file'), ('x', 'FILE.py')])
def test_unusable_adapter_is_named(adapter, message, capsys):
    assert unit_latency.main(['--size', 'nano', '--device', 'cpu', '--adapter', adapter]) == 1
    assert message in capsys.readouterr().out
