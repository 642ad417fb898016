# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When a turn may begin."""

import numpy as np
import pytest

from minicpmo_ros.inference.begin_rule import BeginRule
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.unit_queue import PendingUnit

SECOND = 1_000_000_000


def unit(speaking: bool) -> PendingUnit:
    return PendingUnit(0, np.zeros(16000, np.int16), 0, SECOND, 0.0, user_speaking=speaking)


@pytest.mark.parametrize(
    ('speaking', 'turn_open', 'held'),
    [(False, False, False), (True, False, True), (True, True, False), (False, True, False)],
)
def test_every_case(speaking, turn_open, held):
    assert BeginRule().forces_listening(unit(speaking), turn_open) is held


def test_a_voice_that_never_pauses_is_not_waited_for_for_ever():
    rule = BeginRule(patience=3.0)
    assert [rule.forces_listening(unit(True), False) for _ in range(5)] == [True] * 3 + [False] * 2
    rule.forces_listening(unit(False), False)
    assert rule.forces_listening(unit(True), False)


def test_without_patience_the_model_decides():
    assert not BeginRule(patience=0.0).forces_listening(unit(True), False)


def listening_unit(end: float, fraction: float, speaking: bool = False) -> PendingUnit:
    stamp = round(end * SECOND)
    return PendingUnit(
        0, np.zeros(16000, np.int16), stamp - SECOND, stamp, 0.0, (), 0, speaking, fraction
    )


def test_without_unasked_turns_a_turn_begins_only_after_speech():
    rule = BeginRule(unasked_turns=False, asked_window=2.0)
    assert rule.waits_for_request(listening_unit(1.0, 0.0), False)
    assert not rule.waits_for_request(listening_unit(2.0, 0.5), False)
    assert not rule.waits_for_request(listening_unit(4.0, 0.0), False)
    assert rule.waits_for_request(listening_unit(4.5, 0.05), False)
    assert not rule.waits_for_request(listening_unit(5.0, 0.0), True)


def test_where_nobody_detects_speech_every_turn_may_be_an_answer():
    rule = BeginRule(unasked_turns=False)
    assert not rule.waits_for_request(listening_unit(100.0, float('nan')), False)


def test_speech_is_remembered_while_unasked_turns_are_allowed():
    rule = BeginRule()
    assert not rule.waits_for_request(listening_unit(1.0, 0.9), False)
    rule.follow(InferenceParameters(unasked_turns=False, begin_patience=3.0))
    assert rule.patience == 3.0
    assert not rule.waits_for_request(listening_unit(2.0, 0.0), False)
    assert rule.waits_for_request(listening_unit(9.0, 0.0), False)
