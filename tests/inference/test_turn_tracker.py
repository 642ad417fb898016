# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbering of turns and of what belongs to them."""

import numpy as np

from minicpmo.protocol import Decision, UnitResult
from minicpmo_ros.inference.turn_tracker import TurnTracker


def listen(yielded=False):
    return UnitResult(0, Decision.LISTEN, yielded=yielded)


def speak(text, seconds=1.0, end=False):
    speech = np.ones(int(24000 * seconds), np.float32)
    return UnitResult(0, Decision.SPEAK, text, speech=speech, end_of_turn=end, turn_open=not end)


def test_listening_gives_nothing():
    output = TurnTracker().add(listen(), 1, asked=True)
    assert not (output.began or output.ended or output.speech or output.text)


def test_turn_is_numbered_and_timed():
    tracker = TurnTracker()
    first = tracker.add(speak('one '), 7, asked=True)
    second = tracker.add(speak('two', seconds=0.5), 7, asked=True)
    third = tracker.add(speak(' three', end=True), 9, asked=True)
    outputs = [first, second, third]
    assert [o.turn_id for o in outputs] == [1, 1, 1]
    assert [o.epoch for o in outputs] == [7, 7, 7], 'a turn keeps the epoch in which it began'
    assert [o.speech.offset for o in outputs] == [0.0, 1.0, 1.5]
    assert [o.speech.index for o in outputs] == [0, 1, 2]
    assert [o.speech.last for o in outputs] == [False, False, True]
    assert [o.text.delta for o in outputs] == ['one ', 'two', ' three']
    assert third.utterance == 'one two three' and second.utterance is None
    assert tracker.add(speak('x'), 9, asked=True).turn_id == 2


def test_yield_closes_the_turn_with_an_empty_last_piece():
    tracker = TurnTracker()
    tracker.add(speak('one'), 1, asked=True)
    output = tracker.add(listen(yielded=True), 1, asked=True)
    assert output.ended and output.yielded
    assert output.speech.last and len(output.speech.samples) == 0
    assert output.text.last and output.text.delta == ''


def test_turn_without_sound_still_has_its_text():
    tracker = TurnTracker()
    result = UnitResult(0, Decision.SPEAK, 'hello', end_of_turn=True)
    output = tracker.add(result, 1, asked=True)
    assert output.began and output.ended and output.utterance == 'hello'


def test_unasked_turn_is_proactive_to_its_end():
    tracker = TurnTracker()
    assert tracker.add(speak('one'), 1, asked=False).proactive
    assert tracker.add(speak('two', end=True), 1, asked=True).proactive
    assert not tracker.add(speak('three'), 1, asked=True).proactive


def test_cut_closes_once():
    tracker = TurnTracker()
    assert tracker.cut() is None
    tracker.add(speak('one'), 1, asked=True)
    assert tracker.cut().utterance == 'one'
    assert tracker.cut() is None
    assert tracker.add(speak('two'), 2, asked=True).turn_id == 2


def test_action_tags_are_taken_out_of_text_speech_and_utterance():
    tracker = TurnTracker()
    first = tracker.add(speak('I am going. [do go_to pl'), 1, asked=True)
    assert first.text.delta == 'I am going. ' and first.text.action_tags == ()
    assert first.speech is None or first.speech.text == 'I am going.'
    second = tracker.add(speak('ace=kitchen] Bye [do', end=True), 1, asked=True)
    assert second.text.action_tags == ('[do go_to place=kitchen]',)
    assert second.text.delta == ' Bye [do'
    assert second.utterance == 'I am going.  Bye [do'


def test_an_unfinished_tag_is_passed_on_as_malformed():
    tracker = TurnTracker()
    output = tracker.add(speak('Yes. [do dock', end=True), 1, asked=True)
    assert output.utterance == 'Yes.' and output.text.action_tags == ('[do dock',)
