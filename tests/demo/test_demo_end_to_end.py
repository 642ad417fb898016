# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole node set on the demo recording: real nodes, DDS, engine and model."""

import json
from pathlib import Path
import subprocess
import sys
import wave

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
FILES = {
    *('robot.wav', 'conversation.wav', 'events.jsonl', 'recording.mcap'),
    *('timeline.png', 'timeline.html', 'nodes.log'),
}


@pytest.fixture(scope='module')
def demo(tmp_path_factory, ros_domain):
    """Run the demo once; return its output folder and what it printed."""
    output = tmp_path_factory.mktemp('demo')
    command = [sys.executable, '-m', 'minicpmo_ros.demo', '--output', str(output)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return output, result.stdout


def read(output: Path, topic: str) -> list:
    with AnyReader(
        [output / 'recording.mcap'], default_typestore=get_typestore(Stores.EMPTY)
    ) as r:
        connections = [c for c in r.connections if c.topic.endswith(topic)]
        return [r.deserialize(data, c.msgtype) for c, _, data in r.messages(connections)]


def test_all_results_are_written(demo):
    output, printed = demo
    assert {path.name for path in output.iterdir()} == FILES
    assert 'timeline.html' in printed


def test_no_unit_is_lost(demo):
    reports = read(demo[0], '/unit_report')
    indices = [r.unit_index for r in reports]
    assert indices == list(range(len(indices))) and len(indices) >= SECONDS - 2


def test_pictures_reach_the_model(demo):
    reports = read(demo[0], '/unit_report')
    assert np.mean([r.image_count + r.images_dropped > 0 for r in reports]) > 0.95


def test_robot_answers_and_is_heard(demo):
    output, printed = demo
    turns = {r.turn_id for r in read(output, '/speech')}
    assert len(turns) >= 4
    assert printed.count('robot   ▶') >= 2
    with wave.open(str(output / 'robot.wav')) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), '<i2')
    assert np.mean(np.abs(samples) > 300) > 0.02, 'the robot is silent'


def test_robot_speaks_unasked(demo):
    events = [json.loads(line) for line in (demo[0] / 'events.jsonl').read_text().splitlines()]
    opened = [e for e in events if e['type'] == 'opened']
    closed = [e for e in events if e['type'] == 'closed']
    assert opened and {e['event_id'] for e in closed} <= {e['event_id'] for e in opened}


def test_speech_over_the_robot_holds_its_voice(demo):
    stages = [i.stage for i in read(demo[0], '/interruption')]
    pause, confirm, resume = 0, 1, 2
    assert pause in stages, 'nobody talked over the robot'
    followers = [after for stage, after in zip(stages, stages[1:], strict=False) if stage == pause]
    assert followers and set(followers) <= {confirm, resume}, 'a voice was held and forgotten'


def test_nothing_of_a_voided_epoch_is_played(demo):
    output = demo[0]
    voided = [(i.epoch, seconds(i)) for i in read(output, '/interruption') if i.stage == 1]
    for status in read(output, '/playback'):
        late = [epoch for epoch, time in voided if seconds(status) > time + 0.1]
        assert not status.playing or all(status.epoch > epoch for epoch in late)


def seconds(message) -> float:
    return message.header.stamp.sec + message.header.stamp.nanosec / 1e9


def test_every_turn_is_numbered_without_gaps(demo):
    turns: dict[int, list[int]] = {}
    for chunk in read(demo[0], '/speech'):
        turns.setdefault(chunk.turn_id, []).append(chunk.index)
    assert all(indices == list(range(len(indices))) for indices in turns.values())


def test_diagnostics_come_once_a_second(demo):
    arrays = read(demo[0], '/diagnostics')
    names = {status.name.split('/')[-1].split(':')[0] for a in arrays for status in a.status}
    nodes = {'perception_node', 'inference_node', 'bridge_node', 'audio_device_node', 'media_node'}
    assert nodes <= names
