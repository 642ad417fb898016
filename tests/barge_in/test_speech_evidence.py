# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo_ros.barge_in.configuration import BargeInConfig
from minicpmo_ros.barge_in.policy import Input
from minicpmo_ros.barge_in.speech_evidence import FRAME_SECONDS, SpeechEvidence, SpeechFrame

CONFIG = BargeInConfig()


def run(pattern, onset=CONFIG.onset, config=CONFIG):
    """Return (frame number, event) for a pattern of '1' (speech) and '0'."""
    evidence, events = SpeechEvidence(config), []
    for number, mark in enumerate(pattern):
        frame = SpeechFrame((number + 1) * FRAME_SECONDS, 0.9, -30.0)
        event = evidence.update(frame, mark == '1', onset)
        if event:
            events.append((number, event))
    return events


def test_three_frames_are_an_onset():
    assert run('111') == [(2, Input.ONSET)]
    assert run('11') == []


def test_a_gap_torn_by_the_canceller_only_delays_the_onset():
    assert run('11011') == [(4, Input.ONSET)]


@pytest.mark.parametrize('pattern', ['1000' * 20, '110000' * 20, '0' * 50])
def test_scattered_frames_are_no_onset(pattern):
    assert run(pattern) == []


def test_short_speech_fades_after_the_silence():
    events = run('1' * 12 + '0' * 20)
    assert events == [(2, Input.ONSET), (12 + 10, Input.FADED)]


def test_a_gap_between_two_clauses_is_no_end():
    events = [event for _, event in run('1' * 18 + '0' * 13 + '1' * 10)]
    assert events == [Input.ONSET, Input.SUSTAINED]
    assert Input.FADED in [event for _, event in run('1' * 8 + '0' * 13)]


def test_long_speech_is_sustained_once_and_fades():
    events = run('1' * 60 + '0' * 20)
    assert [event for _, event in events] == [Input.ONSET, Input.SUSTAINED, Input.FADED]
    assert events[1][0] == 24  # 25 frames of 32 ms = 0.8 s


def test_sparse_frames_after_an_onset_are_given_up():
    config = BargeInConfig(density=0.6)
    events = run('111' + '00001' * 40, config=config)
    assert events[0] == (2, Input.ONSET)
    assert events[1] == (2 + 63, Input.FADED)  # pause_limit of 2 s = 62.5 frames


def test_tick_ends_speech_when_the_detector_falls_silent():
    evidence = SpeechEvidence(CONFIG)
    for number in range(4):
        evidence.update(SpeechFrame(number * FRAME_SECONDS, 0.9, -30.0), True, CONFIG.onset)
    assert evidence.opened
    assert evidence.tick(0.2) is None
    assert evidence.tick(0.096 + CONFIG.fade) is Input.FADED
    assert evidence.tick(9.0) is None
