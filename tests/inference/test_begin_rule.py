# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When a turn may begin."""

import numpy as np
import pytest

from minicpmo.protocol import Decision, UnitResult
from minicpmo_ros.inference.begin_rule import Begin, BeginRule, without_turn
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.unit_queue import PendingUnit

SECOND = 1_000_000_000


def unit(speaking: bool = False, fraction: float = 0.0, end: float = 1.0) -> PendingUnit:
    stamp = round(end * SECOND)
    return PendingUnit(
        0, np.zeros(16000, np.int16), stamp - SECOND, stamp, 0.0, (), 0, speaking, fraction
    )


def heard(wanted: bool = False) -> UnitResult:
    return UnitResult(0, Decision.LISTEN, forced_listen=True, wanted_to_speak=wanted)


def spoken(**given) -> UnitResult:
    return UnitResult(0, Decision.SPEAK, 'Yes.', [7], turn_open=True, **given)


@pytest.mark.parametrize(
    ('speaking', 'turn_open', 'begin'),
    [
        (False, False, Begin.FREE),
        (True, False, Begin.HELD_BACK),
        (True, True, Begin.FREE),
        (False, True, Begin.FREE),
    ],
)
def test_every_case(speaking, turn_open, begin):
    assert BeginRule().decide(unit(speaking), turn_open) is begin


def test_a_voice_that_never_pauses_is_not_waited_for_for_ever():
    rule = BeginRule(patience=3.0)
    held = [rule.decide(unit(True), False) is Begin.HELD_BACK for _ in range(5)]
    assert held == [True] * 3 + [False] * 2
    rule.decide(unit(), False)
    assert rule.decide(unit(True), False) is Begin.HELD_BACK


def test_without_patience_the_model_decides():
    rule = BeginRule(patience=0.0)
    assert rule.decide(unit(True), False) is Begin.FREE
    rule.note_speech(True, 10.0)
    assert not rule.is_talked_over(unit(), spoken(), 10.0)


@pytest.mark.parametrize(
    ('wanted', 'following', 'turn_open', 'begin'),
    [
        (True, unit(), False, Begin.OWED),
        (True, unit(fraction=0.3), False, Begin.OWED),  # the detector held on
        (True, unit(fraction=0.6), False, Begin.FREE),  # more was said
        (True, unit(True), False, Begin.HELD_BACK),
        (True, unit(), True, Begin.FREE),
        (False, unit(), False, Begin.FREE),
    ],
)
def test_what_the_model_wanted_while_somebody_spoke_is_owed_to_it(
    wanted, following, turn_open, begin
):
    rule = BeginRule()
    rule.follow_result(rule.decide(unit(True), False), heard(wanted))
    assert rule.decide(following, turn_open) is begin


def test_it_is_owed_for_one_unit_only_and_not_after_a_reset():
    rule = BeginRule()
    rule.follow_result(rule.decide(unit(True), False), heard(True))
    assert [rule.decide(unit(), False) for _ in range(2)] == [Begin.OWED, Begin.FREE]
    rule.follow_result(rule.decide(unit(True), False), heard(True))
    rule.reset()
    assert rule.decide(unit(), False) is Begin.FREE


def test_nothing_is_owed_to_a_model_that_nobody_asked():
    rule = BeginRule(unasked_turns=False)
    begin = rule.decide(unit(end=100.0), False)
    assert begin is Begin.UNASKED
    rule.follow_result(begin, heard(True))
    assert rule.decide(unit(end=101.0), False) is Begin.UNASKED


@pytest.mark.parametrize(
    ('mark', 'now', 'this', 'result', 'over'),
    [
        (True, 5.1, unit(), spoken(), True),
        (False, 5.1, unit(), spoken(), False),
        (True, 5.6, unit(), spoken(), False),  # the detector has stopped telling
        (True, 5.1, unit(True), spoken(), False),  # patience was over: it was allowed to
        (True, 5.1, unit(), heard(), False),
    ],
)
def test_words_are_taken_back_when_somebody_begins_to_speak_meanwhile(
    mark, now, this, result, over
):
    rule = BeginRule()
    rule.decide(this, False)
    rule.note_speech(mark, 5.0)
    assert rule.is_talked_over(this, result, now) is over


def test_a_detector_that_hears_somebody_for_ever_silences_nobody_for_ever():
    rule, taken = BeginRule(patience=3.0), []
    for index in range(6):
        begin = rule.decide(unit(), False)
        rule.note_speech(True, float(index))
        taken.append(rule.is_talked_over(unit(), spoken(), float(index)))
        result = without_turn(spoken()) if taken[-1] else spoken()
        rule.follow_result(begin, result)
    assert taken[:4] == [True] * 3 + [False]


def test_words_of_the_model_that_were_taken_back_are_owed_but_given_ones_are_not():
    for result, begin in ((spoken(), Begin.OWED), (spoken(given_words=True), Begin.FREE)):
        rule = BeginRule()
        taken = without_turn(result)
        assert taken.decision is Decision.LISTEN and not taken.turn_open and not taken.token_ids
        rule.follow_result(rule.decide(unit(), False), taken)
        assert rule.decide(unit(), False) is begin


def test_without_unasked_turns_a_turn_begins_only_after_speech():
    rule = BeginRule(unasked_turns=False, asked_window=2.0)
    assert rule.decide(unit(end=1.0), False) is Begin.UNASKED
    assert rule.decide(unit(fraction=0.5, end=2.0), False) is Begin.FREE
    assert rule.decide(unit(end=4.0), False) is Begin.FREE
    assert rule.decide(unit(fraction=0.05, end=4.5), False) is Begin.UNASKED
    assert rule.decide(unit(end=5.0), True) is Begin.FREE


def test_where_nobody_detects_speech_every_turn_may_be_an_answer():
    rule = BeginRule(unasked_turns=False)
    assert rule.decide(unit(fraction=float('nan'), end=100.0), False) is Begin.FREE


def test_speech_is_remembered_while_unasked_turns_are_allowed():
    rule = BeginRule()
    rule.decide(unit(fraction=0.9), False)
    rule.follow(InferenceParameters(unasked_turns=False, begin_patience=3.0))
    assert rule.patience == 3.0
    assert rule.decide(unit(end=2.0), False) is Begin.FREE
    assert rule.decide(unit(end=9.0), False) is Begin.UNASKED


@pytest.mark.parametrize(
    ('spoken_at', 'answered_at', 'asked'), [(0, 1, True), (0, 4, True), (0, 5, False)]
)
def test_a_turn_long_after_speech_is_no_answer(spoken_at, answered_at, asked):
    rule = BeginRule(asked_window=4.0)
    for index in range(answered_at + 1):
        this = unit(fraction=float(index == spoken_at), end=index + 1.0)
        rule.decide(this, False)
    assert rule.is_asked(this) is asked


@pytest.mark.parametrize(('fraction', 'asked'), [(0.0, False), (float('nan'), True)])
def test_first_words_without_speech_are_no_answer_unless_nobody_can_tell(fraction, asked):
    rule, first = BeginRule(), unit(fraction=fraction)
    rule.decide(first, False)
    assert rule.is_asked(first) is asked
