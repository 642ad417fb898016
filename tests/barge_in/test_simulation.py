# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated room of benchmarks/barge_in.py tells the truth."""

import json

import numpy as np
import pytest

from benchmarks import barge_in
from benchmarks.barge_in_simulation.acoustic_path import EchoPath, PathConfig
from benchmarks.barge_in_simulation.baseline import FlushAfter
from benchmarks.barge_in_simulation.material import Material
from benchmarks.barge_in_simulation.measure import measure
from benchmarks.barge_in_simulation.record import System
from benchmarks.barge_in_simulation.report import bars, picture, table
from benchmarks.barge_in_simulation.scenario import SCENARIOS
from benchmarks.barge_in_simulation.trial import Trial
from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation

BLOCK = 160


def through(config, samples, response):
    path = EchoPath(config, response, BLOCK)
    blocks = [path.process(samples[at : at + BLOCK]) for at in range(0, samples.size, BLOCK)]
    return np.concatenate(blocks)


@pytest.fixture(scope='module')
def material():
    return Material()


@pytest.fixture(scope='module')
def tone():
    return (0.1 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)).astype(np.float32)


def direct():
    response = np.zeros(3936, np.float32)
    response[0] = 1.0
    return response


def test_delay_and_level_are_exact(tone):
    config = PathConfig(level=6.0, delay=0.06, drift=0.0, clipping=0.0)
    echo = through(config, tone, direct())
    # The echo of a block is heard from the next block on: 10 ms and 60 ms.
    np.testing.assert_allclose(echo[960:], 10 ** (6 / 20) * tone[:-960], atol=1e-3)
    assert not echo[:950].any()


def test_drift_shortens_the_delay(tone):
    config = PathConfig(delay=0.06, drift=1000.0, clipping=0.0)
    echo = through(config, tone, direct())
    begin = 16000  # after one second the loudspeaker is 16 samples ahead
    expected = 0.1 * np.sin(2 * np.pi * 440 * ((begin + np.arange(400)) * 1.001 - 960) / 16000)
    np.testing.assert_allclose(echo[begin : begin + 400], expected, atol=2e-3)


def test_saturation_makes_harmonics(tone):
    config = PathConfig(delay=0.06, drift=0.0, clipping=2.0)
    echo = through(config, 5.0 * tone, direct())
    spectrum = np.abs(np.fft.rfft(echo[8000:24000]))
    assert spectrum[1320] > 0.01 * spectrum[440]


def scene(name):
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def test_the_package_stops_for_a_user_and_the_baseline_spills_nothing_stale(material):
    records = [Trial(scene('echo -6 dB'), 1, material).run(barge_in.SYSTEMS[0])]
    result = measure(scene('echo -6 dB'), records)
    assert result.stopped == result.interruptions == 1
    assert 0.09 < result.stop.values[0] < 0.6
    assert max(result.spill.values) <= 0.06 and result.stale == 0.0
    assert max(result.heard.values) <= 0.05


def test_a_robot_without_cancellation_interrupts_itself(material):
    system = System(
        'deaf to itself',
        lambda: AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE)),
        lambda: FlushAfter(0.2),
    )
    result = measure(scene('echo +0 dB'), [Trial(scene('echo +0 dB'), 0, material).run(system)])
    assert result.stopped == 0  # it was silent before the user spoke: no success


def test_quick_run_writes_numbers_and_a_picture(tmp_path, capsys):
    arguments = ['--quick', '--scenes', 'door', '--systems', 'this package']
    barge_in.main([*arguments, '--output', str(tmp_path)])
    content = json.loads((tmp_path / 'barge_in.json').read_text())
    (row,) = content['systems']['this package']
    assert content['quick'] and row['scenario'] == 'door slam' and row['M4 n'] == 2
    assert (tmp_path / 'barge_in.png').stat().st_size > 1000
    assert 'door slam' in capsys.readouterr().out


def test_every_promised_scene_is_there():
    names = ' '.join(scenario.name for scenario in SCENARIOS)
    for word in ('+12', '-12', '0.3', 'thinking', 'two', 'volume', '250 ms', '100 ppm', 'music'):
        assert word in names
    assert all(scenario.trials >= 20 for scenario in SCENARIOS if not scenario.monologue)


def test_missed_bars_are_reported_as_missed():
    row = {
        'scenario': 'echo +0 dB',
        'group': 'interruption',
        'M1 stop latency [s]': {'n': 20, 'p50': 0.4, 'p95': 0.6, 'max': 0.7},
        'M2 recall': 0.9,
        'M6 spill [s]': {'n': 1, 'max': 0.07},
        'M6 stale speech [s]': 0.0,
        'M7 heard error [s]': {'n': 1, 'max': 0.01},
    }
    reached = {name: good for name, good, _ in bars([row])}
    assert reached == {'M1 echo +0 dB': False, 'M2 echo +0 dB': False, 'M6': False, 'M7': True}


def test_table_and_picture_take_scenes_without_a_stop(tmp_path, material):
    result = measure(scene('door slam'), []).to_dict() | {'group': 'interruption'}
    assert 'door slam' in table({'this package': [result]})
    picture({'this package': [result]}, tmp_path / 'picture.png')
