# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Noises and parts of sentences are no stop phrases."""

import math

import pytest

from minicpmo_ros.stop_phrase.voice_gate import VoiceGate

FRAME = 0.032


def gate_after(*spans, end):
    """Return a gate that heard voices in the spans (begin, end) [s] and silence beside them."""
    gate = VoiceGate()
    for number in range(round(end / FRAME)):
        time = (number + 1) * FRAME
        voice = any(begin < time <= stop for begin, stop in spans)
        gate.update(0.9 if voice else 0.0, time)
    return gate


def test_a_phrase_counts_while_a_voice_is_heard_and_shortly_after():
    gate = VoiceGate()
    gate.update(0.4, 10.0)
    gate.update(0.0, 11.0)
    assert gate.admits(11.5)
    assert not gate.admits(11.6)


def test_a_noise_that_resembles_a_phrase_does_not_count():
    gate = VoiceGate()
    gate.update(0.02, 10.0)
    assert not gate.admits(10.1)


def test_without_a_working_detector_every_phrase_counts():
    gate = VoiceGate()
    assert gate.admits(0.0)
    gate.update(0.0, 10.0)
    assert gate.admits(12.5)


def test_an_unusable_probability_is_no_voice():
    gate = VoiceGate()
    gate.update(math.nan, 10.0)
    assert not gate.admits(10.1)


@pytest.mark.parametrize(
    ('spans', 'alone'),
    [
        (((2.0, 2.5),), True),
        (((2.0, 3.1),), True),  # "stop, stop" in one breath
        (((2.0, 3.4),), False),  # a sentence
        (((0.5, 2.1), (2.5, 3.0)), True),  # a phrase after somebody has talked
        (((0.5, 2.4), (2.5, 3.0)), False),  # the end of what somebody says
        (((2.0, 2.1), (2.2, 2.7)), True),  # a rest of the robot's echo right before it
    ],
)
def test_a_phrase_is_an_utterance_of_its_own(spans, alone):
    end = spans[-1][1] + 0.15
    assert gate_after(*spans, end=end).admits(end) is alone


def test_of_a_phrase_that_is_repeated_the_first_counts():
    spans = ((2.0, 2.4), (2.5, 2.9), (3.0, 3.4))
    assert gate_after(*spans, end=2.9).admits(2.9)
    assert not gate_after(*spans, end=3.5).admits(3.5)
    # After a pause it counts again.
    again = (*spans, (3.8, 4.2))
    assert gate_after(*again, end=4.35).admits(4.35)


def test_a_sentence_does_not_become_short_by_its_end():
    gate = gate_after((1.0, 4.0), end=5.4)
    assert not any(gate.admits(5.4 + wait) for wait in (0.0, 0.1, 0.2))
