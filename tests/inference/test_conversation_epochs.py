# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Interruptions against units in flight: nothing of a voided epoch leaves."""

import numpy as np
import pytest

from minicpmo.protocol import Decision, UnitResult
from minicpmo_ros.epoch_gate import EpochGate
from minicpmo_ros.inference.conversation import Conversation
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit

SECOND = 1_000_000_000


def unit(index):
    return PendingUnit(
        index,
        np.zeros(16000, np.int16),
        index * SECOND,
        (index + 1) * SECOND,
        0.0,
    )


def outcome(pending, speaks=True, yielded=False, asked=True):
    decision = Decision.SPEAK if speaks else Decision.LISTEN
    result = UnitResult(pending.index, decision, 'word', yielded=yielded, turn_open=speaks)
    return UnitOutcome(pending, result, 0.0, 0.1, 0, asked=asked)


@pytest.fixture
def published():
    return []


@pytest.fixture
def conversation(published):
    return Conversation(lambda output, unit: published.append(output))


def play(conversation, pending, **options):
    conversation.start_unit(pending)
    return conversation.finish_unit(outcome(pending, **options))


def test_interruption_in_flight_voids_the_result(conversation, published):
    play(conversation, unit(0))
    conversation.start_unit(unit(1))
    changed, cut = conversation.interrupt(1)
    assert changed and cut.turn_id == 1
    assert conversation.finish_unit(outcome(unit(1))) is None
    assert [o.epoch for o in published] == [1]
    assert play(conversation, unit(2)).epoch == 2


def test_interruption_is_idempotent(conversation):
    play(conversation, unit(0))
    assert conversation.interrupt(1)[0]
    assert conversation.interrupt(1) == (False, None)
    assert conversation.interrupt(0) == (False, None)
    assert conversation.gate.current == 2


def test_interruption_before_any_speech_only_moves_the_epoch(conversation):
    assert conversation.interrupt(5) == (True, None)
    assert play(conversation, unit(0)).epoch == 6


def test_yield_moves_the_epoch(conversation):
    play(conversation, unit(0))
    assert play(conversation, unit(1), speaks=False, yielded=True).yielded
    assert conversation.gate.current == 2


def test_reset_voids_everything(conversation):
    play(conversation, unit(0))
    assert conversation.reset() == 1
    assert not conversation.speaking
    assert conversation.gate.current == 2


@pytest.mark.parametrize('asked', [True, False])
def test_a_turn_that_nobody_asked_for_is_proactive(conversation, asked):
    assert play(conversation, unit(0), asked=asked).proactive is not asked


def test_epoch_gate():
    gate = EpochGate()
    assert gate.current == 1 and gate.admits(1)
    assert gate.void(3) and not gate.void(2)
    assert not gate.admits(3) and gate.admits(4)
    gate.reset()
    assert gate.admits(1)
