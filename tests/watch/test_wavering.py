# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers that wander between no and yes tell nothing; clear ones do."""

import pytest

from minicpmo_ros.watch.confirmation import Confirmation
from minicpmo_ros.watch.confirmations import Confirmations
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.watch import Severity, Watch
from minicpmo_ros.watch.wavering import Wavering

# What nano answered about a lamp that was on all the time, once a second.
WANDERING = (
    0.24, 0.03, 0.29, 0.26, 0.17, 0.07, 0.28, 0.0, 0.48, 0.02, 0.07, 0.08, 0.33, 0.15, 0.27, 0.24,
    0.57, 0.01, 0.05, 0.01, 0.23, 0.86, 0.73, 0.51, 0.96, 0.64, 0.94, 0.99, 0.61, 0.49,
)  # fmt: skip


def begun(confirmation, answers, start=0):
    changes = [confirmation.update(answer, start + i) for i, answer in enumerate(answers)]
    return [start + i for i, change in enumerate(changes) if change]


@pytest.mark.parametrize(
    'answers, wavers',
    [
        (WANDERING, True),
        ([0.0, 1.0] * 60, False),  # contradictions, which a confirmation counts by itself
        ([0.3] * 120, False),  # not sure, but steady
        ([0.02] * 30 + [0.6] + [0.98] * 30 + [0.4] + [0.02] * 30, False),
        ([0.1, 0.5] * 8, True),
        ([0.5], False),
    ],
)
def test_only_undecided_changes_count(answers, wavers):
    wavering = Wavering()
    for index, answer in enumerate(answers):
        wavering.note(answer, index)
    assert bool(wavering) is wavers
    wavering.reset()
    assert not wavering


def test_it_ends_below_half_of_what_began_it():
    wavering = Wavering(most=2.0, memory=10.0)
    times = iter(range(1000))

    def after(*answers):
        for answer in answers:
            wavering.note(answer, next(times))
        return bool(wavering)

    assert not after(0.0, 0.5, 0.0, 0.5, 0.0)  # 2.0 is not more than 2.0
    assert after(0.5)
    assert after(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)  # 1.5 is left of it
    assert not after(0.5, 0.5, 0.5)


def test_a_lamp_that_is_seen_wrong_now_and_then_is_not_told():
    before_this_rule = Confirmation(wavering=Wavering(most=0.0))
    assert begun(before_this_rule, WANDERING)
    confirmation = Confirmation()
    assert not begun(confirmation, WANDERING)
    assert not confirmation.in_doubt  # asking more often would not help
    assert not begun(confirmation, [0.01] * 60, start=30)
    assert begun(confirmation, [0.01] * 60 + [0.99] * 9, start=90) == [151]


def test_what_is_there_when_the_answers_settle_is_told():
    confirmation = Confirmation()
    assert not begun(confirmation, WANDERING)
    (told,) = begun(confirmation, [0.99] * 150, start=30)
    assert 30 + 60 <= told <= 30 + 120


def test_what_goes_on_does_not_end_while_the_answers_waver():
    confirmation = Confirmation()
    assert begun(confirmation, [0.9, 0.9]) == [1]
    assert not begun(confirmation, [1.0 - answer for answer in WANDERING], start=2)
    assert confirmation.update(0.01, 32) is None and confirmation.update(0.01, 33) is None
    assert confirmation.confirmed


def test_a_report_is_no_answer_and_does_not_waver():
    confirmation = Confirmation()
    for second in range(0, 600, 2):
        confirmation.update(0.05, second)
        confirmation.suspect(second + 1)
    assert not confirmation.wavering


def test_critical_watches_are_told_of_whatever_the_answers_do():
    confirmations = Confirmations(EventParameters)
    lamp = Watch('lamp', 'the lamp goes off')
    fall = Watch('fall', 'somebody has fallen', severity=Severity.CRITICAL)
    assert not begun(confirmations.of(lamp), WANDERING)
    assert begun(confirmations.of(fall), WANDERING)
    assert confirmations.wavering == ['lamp']
    confirmations.forget('lamp')
    assert confirmations.wavering == []


def test_the_parameter_switches_it_off():
    confirmations = Confirmations(lambda: EventParameters(confirm_wavering=0.0))
    lamp = Watch('lamp', 'the lamp goes off')
    assert begun(confirmations.of(lamp), WANDERING)
    assert confirmations.is_true('lamp') and not confirmations.is_true('door')
