# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""May the model begin to speak in this unit? Not while a person speaks; perhaps only if asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
import enum
import math

from minicpmo.protocol import Decision, UnitResult
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.unit_queue import PendingUnit

NANOSECONDS = 1e9
# A mark of the speech detector that is older says nothing about now [s]; it repeats every 32 ms.
MARK_SECONDS = 0.5
# Share of a unit that the end of what was said before may fill: the detector holds on for 0.25 s.
REST_FRACTION = 0.4


class Begin(enum.Enum):
    """What a unit means for the begin of a turn.

    FREE: the model decides. HELD_BACK: somebody speaks. UNASKED: nobody has asked anything.
    OWED: it wanted to begin in the unit before, where it was held back.
    """

    FREE = 'free'
    HELD_BACK = 'held back'
    UNASKED = 'unasked'
    OWED = 'owed'


@dataclass
class BeginRule:
    """Holds back the begin of a turn; turns that are open are the business of barge-in.

    While a person speaks the model only listens. If it wanted to speak then, its turn begins in
    the next unit, unless more is said in it; else it decides anew. Where somebody begins to speak
    while the model still works on its first words, these are taken back. A voice that never
    pauses, such as a television's, is waited for no longer than ``patience`` [s]; 0 switches all
    that off.

    asked_window: a turn that begins within so many seconds after speech is an answer.
    unasked_turns: the model may speak of its own accord. Else only answers begin, and given words.
    held: units in a row that were held back so far, because somebody spoke.
    """

    patience: float = 10.0
    unasked_turns: bool = True
    asked_window: float = 4.0
    held: int = 0
    _owed: bool = False
    _last_speech: float = -math.inf
    _mark: tuple[bool, float] = (False, -math.inf)

    def follow(self, parameters: InferenceParameters) -> None:
        """Take over what the node's parameters say."""
        self.patience = parameters.begin_patience
        self.unasked_turns = parameters.unasked_turns
        self.asked_window = parameters.asked_window

    def note_speech(self, speaking: bool, now: float) -> None:
        """Take what the speech detector says now (steady clock [s]); from any thread."""
        self._mark = (speaking, now)

    def decide(self, unit: PendingUnit, turn_open: bool) -> Begin:
        """Return what a unit means for the begin of a turn; FREE inside one."""
        if unit.has_speech:
            self._last_speech = unit.end
        owed, self._owed = self._owed, False
        if turn_open:
            self.held = 0
        elif unit.user_speaking:
            self.held += 1
            if self._is_patient(unit):
                return Begin.HELD_BACK
        else:
            self.held = self.held if owed else 0
            if owed and not unit.speech_fraction > REST_FRACTION:  # it may be unknown
                return Begin.OWED
            if not self.unasked_turns and not self.is_asked(unit):
                return Begin.UNASKED
        return Begin.FREE

    def is_asked(self, unit: PendingUnit) -> bool:
        """Return whether a turn that begins in this unit, the one decided last, is an answer."""
        return unit.end - self._last_speech <= self.asked_window * NANOSECONDS

    def is_talked_over(self, unit: PendingUnit, result: UnitResult, now: float) -> bool:
        """Return whether somebody began to speak while a turn was begun.

        result: of a unit before which no turn was open. now: steady clock [s].
        """
        speaking, heard = self._mark
        if result.decision is not Decision.SPEAK or unit.user_speaking or not speaking:
            return False
        if now - heard > MARK_SECONDS:
            return False
        self.held += 1
        return self._is_patient(unit)

    def follow_result(self, begin: Begin, result: UnitResult) -> None:
        """Remember whether the model wanted to speak and could not because somebody spoke."""
        self._owed = result.wanted_to_speak and begin is not Begin.UNASKED

    def reset(self) -> None:
        """Forget what the model wanted, and who spoke."""
        self.held, self._owed, self._last_speech = 0, False, -math.inf

    def _is_patient(self, unit: PendingUnit) -> bool:
        """Return whether it was not waited for too long for a voice to pause."""
        return self.held * (unit.end - unit.begin) / NANOSECONDS <= self.patience > 0.0


def without_turn(result: UnitResult) -> UnitResult:
    """Return the result of a unit whose turn was taken back."""
    return replace(
        result,
        decision=Decision.LISTEN,
        text='',
        token_ids=[],
        speech=None,
        end_of_turn=False,
        turn_open=False,
        forced_listen=True,
        wanted_to_speak=not result.given_words,
        given_words=False,
    )
