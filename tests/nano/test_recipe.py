# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
import json
from pathlib import Path
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file
import torch

from minicpmo.engine import Engine
from minicpmo.protocol import Decision, Unit
from training.nano import voice
from training.nano.export import export
from training.nano.language_training import MODEL_FOLDER
from training.nano.make import FULL, TINY, Place, make, stages
from training.nano.trainer import Schedule
from training.nano.warm_start import SHIPPED


def _place(folder: Path) -> Place:
    model = folder / 'model'
    model.mkdir()
    shutil.copy(MODEL_FOLDER / 'session.json', model)
    return Place(folder / 'cache', folder / 'runs', model, folder / 'record.json')


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    assert not voice.missing_programs(), 'install espeak-ng, flite and festival: make setup'
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    place = _place(tmp_path_factory.mktemp('recipe'))
    make(TINY, place)
    torch.set_num_threads(threads)
    return place


def test_the_whole_recipe_makes_a_model_that_the_engine_runs(made: Place) -> None:
    session = Engine.load(made.model).prepare(text_only=True)
    second = np.zeros(16000, dtype=np.float32)
    picture = np.zeros((480, 640, 3), dtype=np.uint8)
    results = [session.step(Unit(index, second, (picture,))) for index in range(2)]
    assert all(isinstance(result.decision, Decision) for result in results)
    assert results[1].context_tokens > results[0].context_tokens > 0


def test_every_stage_is_recorded_with_its_time_and_hardware(made: Place) -> None:
    record = json.loads(made.record.read_text())
    assert list(record) == list(stages(FULL, made))
    assert all(entry['seconds'] >= 0 and entry['hardware'] for entry in record.values())
    assert record['audio']['meaning'] > 0


def test_a_finished_recipe_changes_nothing_when_run_again(made: Place) -> None:
    weights = made.model / 'model.safetensors'
    before = weights.read_bytes()
    make(TINY, made)
    assert weights.read_bytes() == before


NOTHING = Schedule(0, 2, 1e-3, 1)
CONTINUED = replace(
    TINY, audio=NOTHING, vision=NOTHING, symbolic=NOTHING, language=NOTHING, shards=0, pictures=0
)


def _farthest(made: Place, place: Place, part: str) -> float:
    """Return how far the weights of a part of the model have moved at most."""
    before, after = (load_file(p.model / 'model.safetensors') for p in (made, place))
    names = [name for name in before if name.startswith(part)]
    return max(float((before[n].float() - after[n].float()).abs().max()) for n in names)


def test_a_finished_model_can_be_taught_more(
    made: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = replace(_place(tmp_path_factory.mktemp('continued')), cache=made.cache)
    make(replace(CONTINUED, start=made.model), place)
    assert list(json.loads(place.record.read_text())) == ['tokenizer', 'pools', 'joint', 'export']
    for part in SHIPPED:  # all of them learn, none is far away after two steps
        assert 0 < _farthest(made, place, part) < 0.05, part


def test_without_the_joint_stage_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'has no joint\.pt'):
        export(tmp_path, tmp_path)


def test_the_weights_fit_into_25_megabytes(made: Place) -> None:
    assert (made.model / 'model.safetensors').stat().st_size < 25e6
