# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recipe of the near-end network, on a thimbleful of sound, and the shipped result."""

from dataclasses import replace
import sys

import numpy as np
import pytest

from benchmarks.barge_in_simulation.material import Material
from benchmarks.barge_in_simulation.measure import measure
from benchmarks.barge_in_simulation.scenario import SCENARIOS
from minicpmo_ros.sound_device.near_end_detector import INPUTS, NearEndNetwork
from training.near_end import __main__ as recipe
from training.near_end.development import records
from training.near_end.scene import FRAMES, draw_scene
from training.near_end.sounds import Sounds

NORMAL = 0.05


@pytest.fixture(scope='module')
def sounds():
    return Sounds.make(np.random.default_rng(3), scale=0.05)


def test_the_truth_of_a_scene_lies_where_people_are_heard(sounds):
    levels = {True: [], False: []}
    for seed in range(6):
        scene = draw_scene(np.random.default_rng(seed), sounds)
        assert scene.speech.shape == scene.certain.shape == (FRAMES,)
        power = np.square(scene.room.reshape(FRAMES, -1)).mean(axis=1)
        for speech in (True, False):
            chosen = (scene.speech == speech) & (scene.certain == 1.0)
            levels[speech] += list(10 * np.log10(power[chosen] / NORMAL**2))
    assert np.median(levels[True]) > -12.0
    assert np.median(levels[False]) < np.median(levels[True]) - 12.0


def test_equal_seeds_draw_equal_scenes(sounds):
    first, second = (draw_scene(np.random.default_rng(5), sounds) for _ in range(2))
    np.testing.assert_array_equal(first.microphone, second.microphone)
    np.testing.assert_array_equal(first.rendered, second.rendered)


def test_the_recipe_writes_a_network_that_loads(tmp_path, monkeypatch):
    path = tmp_path / 'weights.safetensors'
    options = ['--scenes', '1', '--steps', '3', '--voices', '0.05', '--output', str(path)]
    monkeypatch.setattr(sys, 'argv', ['near_end', *options])
    recipe.main()
    answer = NearEndNetwork.load(path).step(np.zeros(INPUTS, np.float32))
    assert answer.shape == (2,) and np.isfinite(answer).all()


def scene(name, trials):
    found = next(scenario for scenario in SCENARIOS if scenario.name == name)
    return replace(found, trials=trials, monologue=min(found.monologue, 15.0))


def test_speech_under_a_loud_echo_is_found():
    chosen = scene('echo +6 dB', 2)
    result = measure(chosen, records(chosen, Material()))
    assert result.stopped == result.interruptions == 2
    assert max(result.stop.values) < 0.6


def test_the_echo_alone_is_not():
    chosen = scene('monologue, echo +6 dB', 1)
    result = measure(chosen, records(chosen, Material()))
    assert result.own_minutes > 0.1
    assert result.own_cuts == result.own_pauses == 0
