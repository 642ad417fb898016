# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import sys
import types

import pytest

from benchmarks.latency.model_size import SIZES
from minicpmo.llm import LanguageModel
from minicpmo.threads import layer_weights, recommended_threads
from minicpmo_ros.errors import BackendError, LocatedError, WorkspaceError
from minicpmo_ros.inference.backend_loader import load_backend, load_options, session_options
from minicpmo_ros.inference.parameter_set import InferenceParameters

SKILL = """
skills:
  dock:
    description: Return to the charging station.
    target: {kind: service, name: dock, type: std_srvs/srv/Trigger}
"""


def test_the_model_is_told_about_enabled_skills_only_when_wanted(tmp_path):
    skills = tmp_path / 'skills.yaml'
    skills.write_text(SKILL)
    parameters = replace(InferenceParameters(), skills_file=str(skills))
    assert 'instruction_suffix' not in session_options(parameters)
    told = session_options(replace(parameters, action_tags=True))
    assert '[do dock] Return to the charging station.' in told['instruction_suffix']


def test_tags_are_never_spoken():
    mask = session_options(InferenceParameters())['spoken_mask']()
    assert mask(['Hello', ' [', 'do', ' dock', ']']) == [True, False, False, False, False]


def test_a_broken_allow_list_is_reported(tmp_path):
    broken = tmp_path / 'skills.yaml'
    broken.write_text('skills: 3')
    parameters = replace(InferenceParameters(), action_tags=True, skills_file=str(broken))
    with pytest.raises(LocatedError):
        session_options(parameters)
    with pytest.raises(WorkspaceError):
        session_options(replace(parameters, skills_file='nowhere.yaml'))


def test_options_of_loading_are_those_that_were_set():
    assert load_options(InferenceParameters()) == {}
    chosen = replace(
        InferenceParameters(),
        quantization='int4',
        quantization_cache='none',
        parts='audio, speech',
        max_context_tokens=4096,
    )
    assert load_options(chosen) == {
        'quantization': 'int4',
        'quantization_cache': 'none',
        'parts': ('audio', 'speech'),
        'context_tokens': 4096,
    }


def test_nano_gets_one_thread_unless_the_user_says_otherwise(monkeypatch):
    counts = []
    monkeypatch.setattr('torch.set_num_threads', counts.append)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    monkeypatch.setattr('minicpmo.backend.load_backend', lambda *given, **options: None)
    for given in ({}, {'device': 'cpu'}, {'torch_threads': 2}, {'device': 'cuda'}):
        load_backend(InferenceParameters(**given), print)
    assert counts == [1, 1, 2]


def test_a_large_model_takes_all_threads():
    assert recommended_threads(SIZES['nano'].model.llm) == 1
    assert recommended_threads(SIZES['full'].model.llm) is None
    small = SIZES['tiny'].model.llm
    model = LanguageModel(small)
    weights = sum(p.numel() for p in model.model.layers.parameters() if p.dim() == 2)
    assert layer_weights(small) == weights


def plain_load(folder, device, dtype, progress):
    """Stand for the engine of somebody else, which knows no options."""
    return 'a backend'


def open_load(folder, device, dtype, progress, **options):
    return options


def test_an_engine_without_an_option_is_named(monkeypatch):
    parameters = replace(InferenceParameters(), backend='some_engine:plain_load')
    monkeypatch.setitem(sys.modules, 'some_engine', _Module)
    assert load_backend(parameters, print) == 'a backend'
    assert load_backend(replace(parameters, max_context_tokens=4096), print) == 'a backend'
    with pytest.raises(BackendError, match='does not know quantization'):
        load_backend(replace(parameters, quantization='int4'), print)
    free = replace(parameters, backend='some_engine:open_load', quantization='int4')
    assert load_backend(free, print)['quantization'] == 'int4'


class _Module:
    plain_load = staticmethod(plain_load)
    open_load = staticmethod(open_load)


@pytest.mark.parametrize(
    'given',
    [
        {},
        {'cuda_graphs': 'false', 'attention': 'sdpa'},
        {'attention': 'flash'},
        {'offload': 'true'},
    ],
)
def test_choices_of_the_user_reach_the_engine_and_auto_does_not(monkeypatch, given):
    engine = types.ModuleType('an_engine')
    engine.load = lambda folder, device, dtype, progress, **options: options
    monkeypatch.setitem(sys.modules, 'an_engine', engine)
    parameters = InferenceParameters(backend='an_engine:load', **given)
    assert load_backend(parameters, lambda done, total: None) == given
