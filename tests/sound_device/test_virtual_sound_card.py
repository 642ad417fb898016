# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real PortAudio through a virtual sound card: nothing is simulated but the air."""

import os
from pathlib import Path
import subprocess
import sys

HERE = Path(__file__).parent
# Sound cards are served first on robots; here it keeps a busy test machine from stuttering.
FIRST = ['nice', '-n', '-15'] if os.geteuid() == 0 else []
# The sound server must be found before PortAudio is loaded, hence a process of its own.
SCRIPT = """
import json, sys, time
import numpy as np, soundfile, soxr
from minicpmo_ros.sound_device.audio_device import AudioDevice
from minicpmo_ros.sound_device.audio_engine import AudioEngine
from minicpmo_ros.sound_device.full_duplex_stream import FullDuplexStream, StreamConfig
from minicpmo_ros.sound_device.playback_queue import SpeechPiece
import subprocess

frames, errors = [], []
robot, rate = soundfile.read(sys.argv[1], dtype='float32')
config = StreamConfig('pulse', 'pulse', latency=0.1)
engine = AudioEngine()
device = AudioDevice(
    engine,
    lambda handler: FullDuplexStream(handler, config),
    lambda frame, at: frames.append((time.monotonic(), frame)),
    lambda error: errors.append(repr(error)),
)
def level(part, name):
    samples = np.concatenate([np.asarray(getattr(f, name), np.float64) for _, f in part])
    return 10 * np.log10(np.mean(samples ** 2) / 32768 ** 2 + 1e-12)

def settled(part):
    if len(part) < 90 or level(part, 'raw') - level(part, 'samples') < 10:
        return False
    return np.mean([frame.detection.probability >= 0.5 for _, frame in part]) < 0.2

report = {}
with device:
    end = time.monotonic() + 20
    while not frames and time.monotonic() < end:
        time.sleep(0.05)
    report['status'] = device.status().state.value
    report['detail'] = device.status().detail
    engine.playback.push(SpeechPiece(1, 1, 0, 0.0, rate, robot, last=True))
    # Virtual sound cards skip samples on a busy machine: wait for the canceller to settle.
    end = time.monotonic() + 40
    while time.monotonic() < end and not settled(before := frames[100:][-90:]):
        time.sleep(0.5)
    alone = len(frames)
    subprocess.run(['paplay', '--device=room', sys.argv[2]], check=True)
    engine.playback.pause()
    time.sleep(0.3)
    report['paused'] = device.playback_state().paused
    engine.playback.flush(1)
    time.sleep(0.3)
    report['queued'] = device.playback_state().queued
    report['played'] = device.playback_state().played

report['raw'] = level(before, 'raw')
report['clean'] = level(before, 'samples')
report['false'] = float(np.mean([f.detection.probability >= 0.5 for _, f in before]))
report['hits'] = int(sum(f.detection.probability >= 0.5 for _, f in frames[alone:]))
report['errors'] = errors
report['stream'] = vars(device.status()) | {'state': ''}
report['dropped'] = device.dropped_blocks
report['underruns'] = engine.playback.state().underruns
report['restarts'] = engine.echo_filter_restarts
print(json.dumps(report))
"""


def speak(path, voice, text):
    subprocess.run(['espeak-ng', '-v', voice, '-a', '60', '-w', str(path), text], check=True)
    return str(path)


def test_real_streams_cancel_the_loop_and_hear_the_user(sound_server, tmp_path):
    import json

    robot = speak(
        tmp_path / 'robot.wav',
        'en+f2',
        'The kitchen is on the left, behind the second door. You will find the coffee in the upper'
        ' cupboard, beside the sink, and the cups are drying on the rack next to the window. ' * 6,
    )
    user = speak(tmp_path / 'user.wav', 'en-us+m3', 'Wait a moment, that is not what I asked.')
    result = subprocess.run(
        [*FIRST, sys.executable, '-c', SCRIPT, robot, user],
        env=sound_server,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    report = json.loads(result.stdout.splitlines()[-1])
    assert report['status'] == 'running', report
    assert report['errors'] == []
    print(report)
    assert report['raw'] > -40.0, report  # the loop is there
    assert report['raw'] - report['clean'] > 10.0, report
    assert report['false'] < 0.2, report
    assert report['hits'] >= 10, report  # 0.3 s of the user were recognised under the echo
    assert report['paused'] and report['queued'] == 0.0
    assert report['played'] > 4.0
