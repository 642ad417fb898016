# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from minicpmo_ros.perception.speech_activity import MARKS, SpeechActivity


def test_nothing_is_known_without_a_detector():
    activity = SpeechActivity()
    assert math.isnan(activity.fraction(0.0, 1.0))
    assert not activity.active_at(0.5)


def test_fraction_counts_only_the_span():
    activity = SpeechActivity()
    for tick in range(20):
        activity.mark(0.5 + tick * 0.1, True)
    activity.mark(2.5, False)
    assert activity.fraction(0.0, 1.0) == pytest.approx(0.5)
    assert activity.fraction(1.0, 2.0) == pytest.approx(1.0)
    assert activity.fraction(2.0, 3.0) == pytest.approx(0.5)
    assert activity.fraction(3.0, 4.0) == 0.0
    assert activity.active_at(2.0)
    assert not activity.active_at(2.6)


def test_only_the_end_of_speech_is_an_end():
    activity = SpeechActivity()
    assert not activity.mark(0.0, False)
    assert not activity.mark(0.1, True)
    assert not activity.mark(0.2, True)
    assert activity.mark(0.3, False)
    assert not activity.mark(0.4, False)


def test_silent_detector_means_speech_is_over():
    activity = SpeechActivity()
    activity.mark(0.0, True)
    assert activity.active_at(0.4)
    assert not activity.active_at(1.0)
    assert activity.fraction(0.0, 1.0) == pytest.approx(0.5)


def test_old_marks_are_ignored_and_memory_is_fixed():
    activity = SpeechActivity()
    activity.mark(5.0, True)
    assert not activity.mark(4.0, False)
    assert activity.active_at(5.1)
    for tick in range(10 * MARKS):
        activity.mark(6.0 + tick, True)
    assert len(activity.state.marks) == MARKS
