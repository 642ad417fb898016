# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both sides of a conversation as sound."""

import wave

import numpy as np
import pytest

from minicpmo_ros.demo.audio_track import (
    TRACK_RATE,
    microphone_track,
    playback_stretches,
    robot_track,
    write_wave,
)
from minicpmo_ros.demo.observation import Observation
from tests.demo.demo_example import example, played, spoken


def loud(track, begin, end):
    part = track[round(begin * TRACK_RATE) : round(end * TRACK_RATE)]
    return float(np.sqrt(np.mean(part**2))) > 0.01


def test_microphone_is_where_it_was_heard():
    track = microphone_track(example())
    assert len(track) == 40 * TRACK_RATE
    assert loud(track, 4.1, 4.9) and not loud(track, 5.2, 39.0)


def test_robot_is_where_it_was_played_with_its_pause():
    track = robot_track(example())
    assert loud(track, 7.15, 8.05) and loud(track, 9.15, 10.05)
    assert not loud(track, 8.15, 9.05), 'held for a second'
    assert not loud(track, 10.2, 34.0)


def test_pause_splits_the_playback():
    stretches = playback_stretches(played(1, 7.1, 2.0, paused_at=1.0))
    np.testing.assert_allclose(stretches, [(7.1, 0.0, 1.0), (9.1, 1.0, 2.0)], atol=1e-6)


def test_jitter_of_the_reports_is_taken_out():
    rng = np.random.default_rng(0)
    reports = [
        type(r)(r.time + rng.uniform(0, 0.01), r.turn_id, 1, r.playing, False, r.played)
        for r in played(1, 3.0, 2.0)
    ]
    ((begin, first, last),) = playback_stretches(reports)
    assert begin == pytest.approx(3.005, abs=0.004) and (first, last) == (0.0, 2.0)


def test_unheard_speech_is_not_in_the_track():
    seen = example()
    seen.speech.append(spoken(3, 36.0, 2.0, 'never played'))
    assert not loud(robot_track(seen), 36.0, 39.0)


def test_empty_observation_gives_empty_tracks():
    assert len(robot_track(Observation())) == 0
    assert len(microphone_track(Observation())) == 0


def test_wave_file_has_both_channels(tmp_path):
    path = tmp_path / 'both.wav'
    write_wave(path, np.full(10, 0.5, np.float32), np.full(10, -2.0, np.float32))
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, TRACK_RATE, 10)
        samples = np.frombuffer(file.readframes(10), '<i2').reshape(-1, 2)
    assert samples[0].tolist() == [16384, -32768]
