# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole engine with a real voice on the loudspeaker and another in the room."""

import subprocess

import numpy as np
import pytest
import soundfile
import soxr

from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation
from minicpmo_ros.sound_device.playback_queue import SpeechPiece
from minicpmo_ros.sound_device.speech_detector import level_dbfs

RATE = 16000
BLOCK = 160
ROBOT = 'The kitchen is on the left, behind the second door, and the cups are on the table. ' * 2
USER = 'Wait a moment, that is not what I asked for.'


def speak(folder, voice, text, level):
    path = folder / f'{voice}.wav'
    subprocess.run(['espeak-ng', '-v', voice, '-w', str(path), text], check=True)
    samples, rate = soundfile.read(path, dtype='float32')
    samples = soxr.resample(samples, rate, RATE)
    return (samples * level / np.sqrt(np.mean(samples**2))).astype(np.float32)


@pytest.fixture(scope='module')
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp('voices')
    return speak(folder, 'en+f2', ROBOT, 0.05), speak(folder, 'en-us+m3', USER, 0.05)


def run(engine, robot, user=None, begin=0.0, echo=0.5, seconds=9.0):
    """Return the frames of a loop through a room with 60 ms of delay, and what was rendered."""
    line = np.zeros(int((seconds + 1) * RATE), np.float32)
    room = np.random.default_rng(1).normal(0.0, 3e-4, line.size).astype(np.float32)
    if user is not None:
        space = room[int(begin * RATE) :][: user.size]
        space += user[: space.size]
    engine.playback.push(SpeechPiece(1, 1, 0, 0.0, RATE, robot, last=True))
    frames, rendered = [], []
    for start in range(0, int(seconds * RATE), BLOCK):
        block, new = engine.process(room[start : start + BLOCK] + line[start : start + BLOCK])
        line[start + 960 : start + 960 + BLOCK] += echo * block
        frames += new
        rendered.append(block)
    return frames, np.concatenate(rendered)


def test_cancels_the_own_voice_and_keeps_the_users(voices):
    robot, user = voices
    frames, _ = run(AudioEngine(), robot, user, begin=5.0, echo=1.0)
    early = [frame for frame in frames if 2.0 < frame.begin / RATE < 4.9]
    raw = np.concatenate([frame.raw for frame in early])
    reduction = level_dbfs(raw) - level_dbfs(np.concatenate([f.samples for f in early]))
    assert reduction > 20.0
    assert np.mean([frame.detection.probability >= 0.5 for frame in early]) < 0.05
    length = user.size / RATE
    overlap = [frame for frame in frames if 5.0 < frame.begin / RATE < 5.0 + length]
    assert np.mean([frame.detection.probability >= 0.5 for frame in overlap]) > 0.6
    onset = next(f.begin / RATE for f in overlap if f.detection.probability >= 0.5)
    assert onset < 5.3


def test_without_cancellation_the_robot_hears_itself(voices):
    engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
    frames, _ = run(engine, voices[0], seconds=5.0)
    speech = [f.detection.probability >= 0.5 for f in frames if f.begin > RATE]
    assert np.mean(speech) > 0.5


def test_frames_are_numbered_without_gaps_and_raw_is_the_microphone(voices):
    engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
    microphone = np.random.default_rng(2).normal(0.0, 0.1, 4 * RATE).astype(np.float32)
    frames = []
    for start in range(0, microphone.size, BLOCK):
        frames += engine.process(microphone[start : start + BLOCK])[1]
    assert [frame.begin for frame in frames] == list(range(0, len(frames) * 512, 512))
    raw = np.concatenate([frame.raw for frame in frames])
    np.testing.assert_allclose(raw, microphone[: raw.size] * 32768, atol=0.5)


@pytest.mark.parametrize('rate', [8000, 44100, 48000])
def test_any_device_rate(rate):
    engine = AudioEngine(
        AudioConfig(sample_rate=rate, echo_cancellation=EchoCancellation.SOFTWARE)
    )
    block = rate // 100
    frames = []
    for number in range(200):
        time = (np.arange(block) + number * block) / rate
        rendered, new = engine.process(0.1 * np.sin(2 * np.pi * 440 * time).astype(np.float32))
        assert rendered.shape == (block,)
        frames += new
    assert len(frames) in (61, 62)  # 2 s in frames of 32 ms, less the filters' delay


def test_unusable_samples_become_silence_and_are_counted(voices):
    engine = AudioEngine()
    bad = np.full(BLOCK, np.nan, np.float32)
    bad[3] = np.inf
    for _ in range(20):
        _, frames = engine.process(bad)
        for frame in frames:
            assert np.isfinite(frame.detection.level)
    assert engine.unusable_samples == 20 * BLOCK
    frames, _ = run(engine, voices[0], voices[1], begin=1.0, seconds=3.0)
    assert any(frame.detection.active for frame in frames)


def test_volume_scales_what_is_rendered_and_never_overflows(voices):
    engine = AudioEngine(AudioConfig(volume=4.0, echo_cancellation=EchoCancellation.NONE))
    _, rendered = run(engine, voices[0] * 10, seconds=2.0)
    assert np.abs(rendered).max() == 1.0


def test_restart_keeps_counting(voices):
    engine = AudioEngine()
    frames, _ = run(engine, voices[0], seconds=1.0)
    engine.restart(48000)
    new = []
    for _ in range(100):
        new += engine.process(np.zeros(480, np.float32))[1]
    assert new[0].begin == frames[-1].begin + 512


@pytest.mark.parametrize('settings', [{'sample_rate': 100}, {'volume': -1.0}, {'volume': 9.0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match=str(next(iter(settings.values())))):
        AudioConfig(**settings)
