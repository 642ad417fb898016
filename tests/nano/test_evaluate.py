# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The judge itself: a right robot gets full marks, a spoiled one loses them."""

from dataclasses import replace
import json

import numpy as np
import pytest

from minicpmo.protocol import Decision, Heard, Unit, UnitResult
from training.nano import evaluate
from training.nano.audio_window import SoundBank
from training.nano.oracle import Oracle
from training.nano.record import is_on_time
from training.nano.score import poisson_interval, summary, table, wilson_interval
from training.nano.script import Conversation
from training.nano.script_audio import ScriptAudio
from training.nano.speech_corpus import BACKCHANNELS_HELD_OUT, UNADDRESSED_HELD_OUT


class Sentence:
    def __init__(self, seconds: float) -> None:
        self.index, self.seconds = 0, seconds


class Pool:
    """Sentences of plausible length without any sound."""

    def pick(self, rng, text):
        return Sentence(0.2 + len(text) / 16 * float(rng.uniform(0.85, 1.15)))

    def texts(self, kind):
        return list(
            {'unaddressed': UNADDRESSED_HELD_OUT, 'backchannel': BACKCHANNELS_HELD_OUT}[kind]
        )

    def audio(self, index):
        return np.zeros(160, dtype=np.int16)


class OpenConversation(Conversation):
    """Keeps what was last seen and heard where the session below finds it."""

    latest = None

    def listen(self, unit, robot):
        OpenConversation.latest = super().listen(unit, robot)
        return OpenConversation.latest


class TruthfulSession:
    """Does what is right, because it is told the truth; ``spoil`` changes its results."""

    def __init__(self, spoil=lambda result: result) -> None:
        self._oracle, self._spoil = Oracle(), spoil

    def step(self, unit: Unit) -> UnitResult:
        assert unit.audio.shape == (16000,) and len(unit.images) == 1
        action = self._oracle.step(*OpenConversation.latest)
        return self._spoil(
            UnitResult(
                unit.index,
                Decision.SPEAK if action.text else Decision.LISTEN,
                action.text,
                end_of_turn=action.end_of_turn or action.yielded,
                yielded=action.yielded,
                turn_open=self._oracle.turn_open,
            )
        )

    def interrupt(self, heard: Heard) -> None:
        raise AssertionError('the evaluation never forces the robot')

    def reset(self) -> None:
        self._oracle.reset()


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(evaluate, 'Conversation', OpenConversation)
    monkeypatch.setattr(evaluate, 'render', lambda *_: np.zeros((4, 4, 3), np.uint8))
    monkeypatch.setattr(
        'training.nano.script_audio.synthesize_many',
        lambda jobs: [np.zeros(9, np.int16) for _ in jobs],
    )
    audio = ScriptAudio(Pool(), SoundBank(1, 10))

    def play(session: TruthfulSession, conversations: int = 6):
        record = evaluate.evaluate(session, audio, conversations, 120)
        return record, {row.name: row for row in table(record, 100.0)}

    return play


def test_the_right_robot_gets_full_marks(run):
    record, rows = run(TruthfulSession(), conversations=12)
    assert len(record.requests) > 50 and len(record.events) > 10
    assert all(row.met is not False for row in rows.values()), rows
    assert not record.other_false and not record.causeless_yields
    json.dumps(summary(record, 100.0))


def test_the_right_robot_misses_nothing_when_people_talk_at_the_same_time(run):
    """Among these a watch is called off in time, and a door closes before anybody is quiet."""
    record, _ = run(TruthfulSession(), conversations=60)
    assert [event for event in record.events if not is_on_time(event)] == []


def test_a_silent_robot_answers_nothing(run):
    def hush(result):
        return replace(
            result, decision=Decision.LISTEN, text='', turn_open=False, end_of_turn=False,
            yielded=False,
        )  # fmt: skip

    record, rows = run(TruthfulSession(hush))
    assert rows['right answer to a request'].value < 10, 'only "stop" wants silence'
    assert rows['starts answering within 2 units'].value == 0
    assert rows['reminder within 2 units'].value in (0, None)
    assert rows['stays silent with nothing to answer'].value == 100


def test_a_chatting_robot_is_not_silent(run):
    def chat(result):
        if result.decision is Decision.SPEAK or result.turn_open or result.index % 2:
            return result
        return replace(result, decision=Decision.SPEAK, text='The door opened.', end_of_turn=True)

    record, rows = run(TruthfulSession(chat))
    assert rows['stays silent with nothing to answer'].value < 60
    assert rows['false reminders'].value > 1


def test_a_robot_that_never_yields_is_noticed(run):
    def hold(result):
        return result if not result.yielded else replace(result, yielded=False, turn_open=True)

    record, rows = run(TruthfulSession(hold), conversations=12)
    assert rows['yields within 1 unit when talked over'].value < 50


def test_intervals_contain_the_estimate():
    low, high = wilson_interval(92, 100)
    assert 80 < low < 92 < high < 97
    assert wilson_interval(10, 10)[1] == 100
    low, high = poisson_interval(4)
    assert 1 < low < 4 < high < 11
    assert poisson_interval(0)[0] == 0
