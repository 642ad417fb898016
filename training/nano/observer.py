# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches a real session in a simulated home and notes what it did right and wrong."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
import math
from typing import Optional

from minicpmo.protocol import Decision, UnitResult
from training.nano.record import EventRecord, OverlapRecord, Record, RequestRecord, is_late
from training.nano.request import INTENTS
from training.nano.scene import SceneState
from training.nano.timeline import NEAR_SPEECH, SoundEvent
from training.nano.watch import CANCELLED, FALL_ALERT, WATCHES, Memory

PATIENCE = 4  # units after which people no longer wait for an answer
TALK_OVER = 1.0  # seconds of talking over the open turn after which it has to yield
_SILENCE_UNITS = 3


@dataclass
class _Turn:
    unit: int
    scene: SceneState
    request: Optional[RequestRecord]
    text: str = ''


class Observer:
    """Follows one conversation; plays the robot's part towards ``Conversation``."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.record = Record()
        self.last_intent = ''
        self._turn: Optional[_Turn] = None
        self._request: Optional[RequestRecord] = None
        self._quiet_until: Optional[int] = None
        self._events: list[EventRecord] = []
        self._opened: dict[str, int] = {}
        self._scenes: list[SceneState] = []
        self._overlap: Optional[OverlapRecord] = None

    @property
    def turn_open(self) -> bool:
        """Return whether the robot is in the middle of a turn."""
        return self._turn is not None

    @property
    def pending(self) -> bool:
        """Return whether people still wait for an answer."""
        return self._request is not None

    def step(
        self,
        unit: int,
        scene: SceneState,
        sounds: list[SoundEvent],
        talk_over: float,
        result: UnitResult,
    ) -> None:
        """Note one unit: what was there and what the session did."""
        was_open = self.turn_open
        self._scenes.append(scene)
        self._note_requests(unit, sounds)
        self._note_events(unit, scene)
        self._count_silence(unit, was_open, sounds, result)
        if was_open:
            self._note_overlap(unit, sounds, talk_over, result)
        self.last_intent = ''
        self._follow_turn(unit, scene, result)
        self._age(unit, sounds, result)
        self.record.units += 1
        self.record.speaking_units += result.decision is Decision.SPEAK

    def finish(self) -> Record:
        """Return the record without what the end of the conversation left undecided."""
        last = self.record.units - 1
        self.record.requests = [
            entry
            for entry in self.record.requests
            if entry.answer_unit is not None or entry.right or entry.end_unit + PATIENCE < last
        ]
        self.record.events = [
            event
            for event in self.record.events
            if event.said_unit is not None
            or (event.unit + PATIENCE < last and not self._is_undecided(event))
        ]
        return self.record

    def _is_undecided(self, event: EventRecord) -> bool:
        """Return whether nobody can tell if a reminder would have been missed."""
        waits = any(event is other for other in self._events)
        return event.moot or (waits and event.name != 'fall' and not is_late(event))

    def _note_requests(self, unit: int, sounds: list[SoundEvent]) -> None:
        for event in sounds:
            if event.kind == 'speech' and unit <= event.end < unit + 1:
                self._settle_silence()
                request = RequestRecord(event.intent, event.text, event.end)
                self.record.requests.append(request)
                self._request = request
                if self._turn is not None and self._turn.unit >= math.floor(event.start):
                    self._turn.request = request  # it answers before the request is over
                if not self._accepted(request, unit)[0]:
                    self._quiet_until = request.end_unit + _SILENCE_UNITS

    def _settle_silence(self) -> None:
        """Silence was right and was kept until the next request."""
        if self._request is not None and self._quiet_until is not None:
            self._request.right = not self.turn_open
        self._request, self._quiet_until = None, None

    def _accepted(self, request: RequestRecord, unit: int) -> tuple[str, ...]:
        """Return the right answers for all scenes between the end of the request and ``unit``."""
        intent = INTENTS[request.intent]
        scenes = self._scenes[max(0, request.end_unit - 1) : unit + 1]
        return tuple(dict.fromkeys(intent.answer(scene, self.memory) for scene in scenes))

    def _note_events(self, unit: int, scene: SceneState) -> None:
        before = self._scenes[-2] if unit else scene
        for name in self.memory.watches:
            happens = WATCHES[name].happens
            if happens(scene) and not happens(before):
                self._begin_event(name, unit, self._opened.get(name, unit))
        if scene.fallen and not before.fallen:
            self._begin_event('fall', unit, unit)

    def _begin_event(self, name: str, unit: int, opened: int) -> None:
        event = next((event for event in self._events if event.name == name), None)
        if event is None:
            event = EventRecord(name, unit, opened)
            self._events.append(event)
            self.record.events.append(event)
        event.moot = False  # it happens once more

    def _count_silence(
        self, unit: int, was_open: bool, sounds: list[SoundEvent], result: UnitResult
    ) -> None:
        addressed = any(
            event.kind == 'speech' and event.start < unit + 1 and event.end > unit - 1
            for event in sounds
        )
        waits_for_answer = self._request is not None and self._quiet_until is None
        if was_open or addressed or waits_for_answer or self._events:
            return
        if any(WATCHES[name].happens(self._scenes[-1]) for name in self.memory.watches):
            return
        self.record.silent_units += 1
        self.record.silent_kept += result.decision is Decision.LISTEN

    def _note_overlap(
        self, unit: int, sounds: list[SoundEvent], talk_over: float, result: UnitResult
    ) -> None:
        heard = [event for event in sounds if event.start < unit + 1 and event.end > unit - 1]
        near = any(event.kind in NEAR_SPEECH for event in heard)
        murmur = [event for event in heard if event.kind == 'backchannel']
        if self._overlap is None and talk_over >= TALK_OVER:
            self._overlap = OverlapRecord(unit)
        if result.yielded and near and talk_over > 0.3:
            self.record.talk_overs.append(OverlapRecord(unit, True))
            self._overlap = None
        elif self._overlap is not None and unit > self._overlap.unit:
            self.record.talk_overs.append(self._overlap)
            self._overlap = None
        if murmur and not near:
            if result.yielded or any(unit <= event.end < unit + 1 for event in murmur):
                self.record.backchannels.append(OverlapRecord(unit, result.yielded))
        elif result.yielded and not near:
            self.record.causeless_yields += 1

    def _follow_turn(self, unit: int, scene: SceneState, result: UnitResult) -> None:
        if self._turn is None and result.decision is Decision.SPEAK:
            self._turn = _Turn(unit, scene, self._request)
        if self._turn is None:
            return
        self._turn.text += result.text
        if not result.turn_open:
            turn, self._turn, self._overlap = self._turn, None, None
            self._judge(turn, cut=result.yielded)

    def _judge(self, turn: _Turn, cut: bool) -> None:
        text = turn.text.strip()
        unasked = self._unasked_name(text, cut)
        if unasked:
            self._judge_unasked(turn, unasked, text)
        elif turn.request is not None and turn.request.answer_unit is None:
            self._judge_answer(turn, text, cut)
        elif not cut or text:
            self.record.other_false.append(f'{turn.unit}: {text}')
        if not cut:
            if text == CANCELLED and turn.request and turn.request.intent == 'never_mind':
                self._excuse(WATCHES)
            self._read(turn.unit, text)

    def _unasked_name(self, text: str, cut: bool) -> str:
        """Return the watch name or 'fall' that the text reports, '' for anything else."""
        if cut:
            waiting = (event.name for event in self._events)
            return next(
                (name for name in waiting if text and _report_of(name).startswith(text)), ''
            )
        return next((name for name in ('fall', *WATCHES) if _report_of(name) == text), '')

    def _judge_unasked(self, turn: _Turn, name: str, text: str) -> None:
        if self._report(name, turn.unit):
            return
        if name == 'fall':
            self.record.false_alerts.append(str(turn.unit))
        elif not (name in self.memory.watches and WATCHES[name].happens(turn.scene)):
            self.record.false_reminders.append(f'{turn.unit}: {text}')

    def _report(self, name: str, unit: int) -> bool:
        """Return whether an event was waiting to be reported; it is then closed."""
        event = next((event for event in self._events if event.name == name), None)
        if event is None:
            return False
        event.said_unit = unit
        self._events.remove(event)
        return True

    def _judge_answer(self, turn: _Turn, text: str, cut: bool) -> None:
        request = turn.request
        assert request is not None
        request.answer_unit, request.text = turn.unit, text
        request.accepted = self._accepted(request, turn.unit)
        request.right = any(
            answer.startswith(text) if cut and answer else text == answer
            for answer in request.accepted
        )
        self.last_intent = request.intent
        if request is self._request:
            self._request, self._quiet_until = None, None

    def _read(self, unit: int, text: str) -> None:
        """Update what has been agreed from what was really said."""
        watches, reminder = self.memory.watches, self.memory.last_reminder
        if text == CANCELLED:
            watches = ()
            self._events = [event for event in self._events if event.name == 'fall']
        if text == FALL_ALERT:
            reminder = text
        for name, watch in WATCHES.items():
            if text == watch.confirmation:
                watches = (*(other for other in watches if other != name), name)
                self._opened[name] = unit
            elif text == watch.reminder:
                watches = tuple(other for other in watches if other != name)
                reminder = text
        self.memory = Memory(watches, reminder)

    def _age(self, unit: int, sounds: list[SoundEvent], result: UnitResult) -> None:
        """Give up waiting for what should have been said by now."""
        if self._request is not None and self._quiet_until is not None:
            if unit >= self._quiet_until:
                self._settle_silence()
        elif self._request is not None and unit >= self._request.end_unit + PATIENCE:
            if self._turn is None:
                self._request = None
        busy = self.pending or any(
            event.kind in NEAR_SPEECH and event.start < unit + 1 and event.end > unit
            for event in sounds
        )
        scene, speaks = self._scenes[-1], result.decision is Decision.SPEAK
        self._excuse([name for name, watch in WATCHES.items() if not watch.happens(scene)])
        for event in list(self._events):
            if speaks or self.turn_open or (busy and event.name != 'fall'):
                continue
            event.waited += 1
            is_over = event.name == 'fall' and not scene.fallen
            if is_over or event.waited > 10:
                self._events.remove(event)

    def _excuse(self, watches: Container[str]) -> None:
        """Take note that nobody needs the reminders of these watches any more."""
        for event in self._events:
            if event.name in watches and not is_late(event):
                event.moot = True


def _report_of(name: str) -> str:
    return FALL_ALERT if name == 'fall' else WATCHES[name].reminder
