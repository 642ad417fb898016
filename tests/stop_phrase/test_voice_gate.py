# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Noises are no stop phrases."""

import math

from minicpmo_ros.stop_phrase.voice_gate import VoiceGate


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
