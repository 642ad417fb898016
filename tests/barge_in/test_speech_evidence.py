# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo_ros.barge_in.configuration import BargeInConfig
from minicpmo_ros.barge_in.policy import Input
from minicpmo_ros.barge_in.speech_evidence import (
    FRAME_SECONDS,
    FrameVerdict,
    SpeechEvidence,
    SpeechFrame,
)

CONFIG = BargeInConfig()
VERDICTS = {
    '1': FrameVerdict(counts=True, holds=True, loud=True),
    'q': FrameVerdict(counts=False, holds=True, loud=False),
    '0': FrameVerdict(counts=False, holds=False, loud=False),
}


def run(pattern, onset=CONFIG.onset, config=CONFIG):
    """Return (frame number, event) for a pattern of '1' (speech), 'q' (quiet speech) and '0'."""
    evidence, events = SpeechEvidence(config), []
    for number, mark in enumerate(pattern):
        frame = SpeechFrame((number + 1) * FRAME_SECONDS, 0.9, -30.0)
        event = evidence.update(frame, VERDICTS[mark], onset)
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
    assert events == [(2, Input.ONSET), (12 + 15, Input.FADED)]  # 0.5 s = 15.6 frames


def test_a_gap_between_two_clauses_is_no_end():
    events = [event for _, event in run('1' * 18 + '0' * 13 + '1' * 10)]
    assert events == [Input.ONSET, Input.SUSTAINED]
    assert Input.FADED in [event for _, event in run('1' * 8 + '0' * 16)]


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
        evidence.update(
            SpeechFrame(number * FRAME_SECONDS, 0.9, -30.0), VERDICTS['1'], CONFIG.onset
        )
    assert evidence.opened
    assert evidence.tick(0.2) is None
    assert evidence.tick(0.096 + CONFIG.fade) is Input.FADED
    assert evidence.tick(9.0) is None


def test_quiet_speech_holds_a_pause_but_is_no_interruption():
    evidence, events = SpeechEvidence(CONFIG), []
    for number, mark in enumerate('111' + 'q' * 70):
        frame = SpeechFrame((number + 1) * FRAME_SECONDS, 0.9, -40.0)
        event = evidence.update(frame, VERDICTS[mark], CONFIG.onset)
        if event:
            events.append((number, event))
    assert events == [(2, Input.ONSET), (65, Input.FADED)]  # pause_limit of 2 s after the onset
    assert len(evidence.bystander) == 63
    assert set(evidence.bystander) == {-40.0}


def test_a_backchannel_makes_nobody_a_bystander():
    evidence = SpeechEvidence(CONFIG)
    for number, mark in enumerate('1' * 12 + '0' * 20):
        frame = SpeechFrame((number + 1) * FRAME_SECONDS, 0.9, -30.0)
        evidence.update(frame, VERDICTS[mark], CONFIG.onset)
    assert not evidence.opened and evidence.bystander == []
