# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.nano.oracle import END_MARGIN, TALK_OVER_SECONDS, Hearing, Oracle
from training.nano.request import INTENTS, Part
from training.nano.scene import SceneState
from training.nano.script import STYLES, write_script
from training.nano.speaker import hear
from training.nano.speech_corpus import BACKCHANNELS, UNADDRESSED, spoken_sentences
from training.nano.timeline import Script, SoundEvent
from training.nano.watch import FALL_ALERT, WATCHES

KITCHEN = SceneState(pot='heating')


class Sentence:
    def __init__(self, seconds: float) -> None:
        self.index, self.seconds = 0, seconds


class Pool:
    def pick(self, rng, text):
        return Sentence(0.2 + len(text) / 16 * float(rng.uniform(0.85, 1.15)))

    def texts(self, kind):
        return list({'unaddressed': UNADDRESSED, 'backchannel': BACKCHANNELS}[kind])


@pytest.fixture(scope='module')
def scripts() -> list[Script]:
    return [
        write_script(np.random.default_rng(seed), Pool(), Part.TRAINING, 120, style)
        for seed in range(4)
        for style in STYLES
    ]


def test_scripts_are_reproducible():
    first, second = (write_script(np.random.default_rng(3), Pool()) for _ in range(2))
    assert first.units == second.units and first.sounds == second.sounds


def test_turns_are_legal(scripts):
    for script in scripts:
        spoken = ''
        for unit in script.units:
            if unit.text:
                assert not unit.yielded
                spoken += unit.text
                if unit.end_of_turn:
                    assert spoken in spoken_sentences()
                    spoken = ''
                continue
            assert not unit.end_of_turn
            assert unit.yielded == bool(spoken), 'a turn is cut only by yielding'
            spoken = ''


def test_answers_are_causal(scripts):
    """A request is never answered before its end plus the margin, and within two units."""
    answered = 0
    for script in scripts:
        for index, unit in enumerate(script.units):
            begins = unit.text and unit.reason in INTENTS
            if not begins or (index and script.units[index - 1].reason == unit.reason):
                continue
            ends = [
                sound.end
                for sound in script.sounds
                if sound.intent == unit.reason and sound.end <= index + 1 - END_MARGIN
            ]
            assert ends and index + 1 - max(ends) < 6
            answered += index + 1 - max(ends) <= 2 + END_MARGIN
    assert answered > 100


def test_watches_fire_once_and_only_when_seen(scripts):
    fired = 0
    for script in scripts:
        watching = set()
        for unit in script.units:
            intent = INTENTS.get(unit.reason)
            if unit.reason in WATCHES and unit.text == WATCHES[unit.reason].reminder:
                assert unit.reason in watching and WATCHES[unit.reason].happens(unit.state)
                watching.discard(unit.reason)
                fired += 1
            if intent and intent.watch and unit.end_of_turn:
                watching.add(intent.watch)
            if unit.reason == 'never_mind' and unit.end_of_turn:
                watching.clear()
    assert fired > 10


def test_falls_are_reported_at_once(scripts):
    falls = reports = 0
    for script in scripts:
        for before, unit in zip(script.units, script.units[1:], strict=False):
            if unit.state.fallen and not before.state.fallen:
                falls += 1
                reports += unit.text != '' and FALL_ALERT.startswith(unit.text)
    assert falls > 5 and reports >= 0.9 * falls


def test_interruptions_and_long_waits_occur(scripts):
    assert sum(unit.yielded for script in scripts for unit in script.units) > 10
    waits = []
    for seed in range(10):
        script = write_script(
            np.random.default_rng(seed), Pool(), Part.TRAINING, 150, 'long watch'
        )
        opened = {}
        for index, unit in enumerate(script.units):
            intent = INTENTS.get(unit.reason)
            if intent and intent.watch and unit.end_of_turn:
                opened[intent.watch] = index
            if unit.reason in opened and unit.text:
                waits.append(index - opened.pop(unit.reason))
    assert sum(wait >= 60 for wait in waits) >= 3


def test_previous_text_keeps_the_watch():
    script = write_script(np.random.default_rng(1), Pool(), Part.TRAINING, 60, 'busy')
    assert script.text_before(0) == ''
    assert script.text_before(60) == ''.join(unit.text for unit in script.units)


def test_cut_script_keeps_the_words_and_the_clock():
    script = write_script(np.random.default_rng(1), Pool(), Part.TRAINING, 60, 'busy')
    part = script.cut(40)
    assert part.units == script.units[40:]
    assert part.text_before(5) == script.text_before(45)
    assert all(event.end > 0 for event in part.sounds)
    whole = [event for event in script.sounds if event.start >= 40]
    shifted = [event for event in part.sounds if event.start >= 0]
    assert [event.start + 40 for event in shifted] == pytest.approx([e.start for e in whole])


def test_talking_over_makes_the_oracle_yield_and_backchannel_does_not():
    oracle = Oracle()
    oracle.step(KITCHEN, Hearing(('tell_story',)))
    assert oracle.step(KITCHEN, Hearing(talk_over=TALK_OVER_SECONDS - 0.1)).text
    assert oracle.step(KITCHEN, Hearing(talk_over=TALK_OVER_SECONDS)).yielded
    assert not oracle.turn_open


def test_finished_request_cuts_the_turn_and_is_answered_next():
    oracle = Oracle()
    oracle.step(KITCHEN, Hearing(('tell_story',)))
    assert oracle.step(KITCHEN, Hearing(('is_pot_boiling',))).yielded
    assert oracle.step(KITCHEN, Hearing()).text == 'The pot is heating.'
    oracle.step(KITCHEN, Hearing(('tell_story',)))
    assert oracle.step(KITCHEN, Hearing(('stop',))).yielded
    assert not oracle.step(KITCHEN, Hearing()).text


def test_cancelled_watch_stays_silent():
    oracle = Oracle()
    for hearing in (Hearing(('watch_pot_boils',)), Hearing(), Hearing(('never_mind',)), Hearing()):
        oracle.step(KITCHEN, hearing)
    assert not oracle.memory.watches
    assert not oracle.step(KITCHEN.changed(pot='boiling'), Hearing()).text


def test_reminder_waits_until_people_stop_talking():
    oracle = Oracle()
    oracle.step(KITCHEN, Hearing(('watch_pot_boils',)))
    oracle.step(KITCHEN, Hearing())
    boiling = KITCHEN.changed(pot='boiling')
    assert not oracle.step(boiling, Hearing(talking=True)).text
    assert oracle.step(boiling, Hearing()).reason == 'pot_boils'


def test_fall_is_reported_once_per_fall():
    oracle = Oracle()
    lying = KITCHEN.changed(people=('lying',))
    said = [oracle.step(scene, Hearing()).text for scene in (lying,) * 6]
    assert ''.join(said) == FALL_ALERT
    oracle.step(KITCHEN, Hearing())
    assert oracle.step(lying, Hearing()).text


def test_hearing_follows_the_clock():
    request = SoundEvent('speech', 3.2, 1.5, intent='hello')  # ends at 4.7
    late = SoundEvent('speech', 3.2, 1.6, intent='hello')  # ends at 4.8, too late for unit 4
    assert hear([request], 3, None) == Hearing(talking=True)
    assert hear([request], 4, None).requests == ('hello',)
    assert hear([late], 4, None).requests == ()
    assert hear([late], 5, None).requests == ('hello',)
    assert hear([request], 4, 2.0).talk_over == pytest.approx(1.5)
    assert hear([request], 4, 3.5).talk_over == 0, 'speech from before the turn does not count'
    murmur = SoundEvent('backchannel', 3.2, 1.5)
    assert hear([murmur], 4, 2.0).talk_over == 0
