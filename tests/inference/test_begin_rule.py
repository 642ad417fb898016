# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When a turn may begin."""

import numpy as np
import pytest

from minicpmo_ros.inference.begin_rule import BeginRule
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
