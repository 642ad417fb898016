# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hours in generated homes that nano has never seen, with everything that happens in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
import heapq
import io

import numpy as np
from PIL import Image

from benchmarks.proactive_simulation.recording import (
    Second,
    Talk,
    TrueEvent,
    Truth,
    WatchChange,
    watch,
)
from minicpmo_ros.watch.watch import Severity
from training.nano.evaluate import CAMERA_SIZE
from training.nano.layout import HELD_OUT_SEEDS, random_layout
from training.nano.renderer import render
from training.nano.scene import COLOURS, SHAPES, SceneState
from training.nano.voice import SAMPLE_RATE
from training.nano.watch import WATCHES

# Where the robot is in each sixth of the time; begin and end are alike, so that they compare.
ROOMS = ('kitchen', 'hall', 'living room', 'hall', 'living room', 'kitchen')
FALL = 'fall'
NAMES = ('pot_boils', 'person_comes', 'parcel_comes', 'lamp_off', 'door_opens', FALL)
_REPORTS = {
    'pot_boils': 'the pot is boiling now',
    'person_comes': 'someone came in',
    'parcel_comes': 'a parcel came',
    'lamp_off': 'the lamp went off',
    'door_opens': 'the door opened',
    FALL: '[alert,] someone has fallen',
}
_BEGINS = {
    'pot_boils': {'pot': 'boiling'},
    'person_comes': {'people': ('standing',)},
    'parcel_comes': {'parcel': True},
    'lamp_off': {'lamp': False},
    'door_opens': {'door': 'open'},
    FALL: {'people': ('lying',)},
}
_ENDS = {
    'pot_boils': {'pot': 'heating'},
    'person_comes': {'people': ()},
    'parcel_comes': {'parcel': False},
    'lamp_off': {'lamp': True},
    'door_opens': {'door': 'closed'},
    FALL: {'people': ('standing',)},
}
_NEXT_EVENT = (20.0, 50.0)
_LENGTH = (15.0, 40.0)
_SAME_WATCH_AGAIN = 90.0
_NEXT_DISTRACTION = (10.0, 30.0)
_NEXT_TALK = (25.0, 90.0)
_TALK_AT_EVENT = 0.2
_CHANGED_WATCH = 'lamp_off'
_NOISE = 3e-4


@dataclass
class NanoHome:
    """One scene; the same seed gives the same one.

    clips: sentences that people say, int16 [n] at 16 kHz.
    eventful: false: nothing that is watched for happens.
    rendered: false: no pictures, for who does not look at them.
    """

    seed: int
    seconds_long: int
    clips: list[np.ndarray]
    eventful: bool = True
    rendered: bool = True
    truth: Truth = field(init=False)
    _states: list[tuple[float, SceneState]] = field(default_factory=list)
    _spoken: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Decide what happens."""
        self._rng = np.random.default_rng(self.seed)
        seeds = self._rng.integers(*HELD_OUT_SEEDS, len(set(ROOMS)))
        names = dict.fromkeys(ROOMS)
        self._layouts = {n: random_layout(int(s)) for n, s in zip(names, seeds, strict=True)}
        watches = [
            watch('fall', 'somebody has fallen', _REPORTS[FALL], Severity.CRITICAL)
            if name == FALL
            else watch(name, WATCHES[name].event, _REPORTS[name])
            for name in NAMES
        ]
        kind = 'eventful' if self.eventful else 'event-free'
        promises = [WATCHES[name].confirmation for name in NAMES if name != FALL]
        self.truth = Truth(f'{kind} {self.seed}', self.seconds_long, watches, promises=promises)
        self._plan()

    def seconds(self) -> Iterator[Second]:
        """Yield the scene; the picture is the camera's last of each second."""
        rng = np.random.default_rng((self.seed, 1))
        sound, following = self._microphone(rng), 0
        for index in range(self.seconds_long):
            begin = index * SAMPLE_RATE
            while following < len(self._states) and self._states[following][0] < index + 1.0:
                following += 1
            state = self._states[following - 1][1]
            picture = b''
            if self.rendered:
                picture = _jpeg(render(self._layouts[state.room], state, rng, CAMERA_SIZE))
            yield Second(sound[begin : begin + SAMPLE_RATE], picture)

    def _plan(self) -> None:
        plan = _Plan(self._rng, self.seconds_long, self.eventful)
        self._states, self.truth.events, self.truth.changes = plan.make()
        self._plan_talk()

    def _plan_talk(self) -> None:
        rng, time = self._rng, 5.0
        starts = []
        while time < self.seconds_long - 15.0:
            starts.append(time)
            time += float(rng.uniform(*_NEXT_TALK))
        for event in self.truth.events:
            if rng.random() < _TALK_AT_EVENT:
                starts.append(event.begin + float(rng.uniform(-1.0, 1.5)))
        free = 0.0
        for start in sorted(starts):
            for _ in range(int(rng.integers(1, 4))):
                index = int(rng.integers(len(self.clips)))
                begin = max(start, free)
                end = begin + len(self.clips[index]) / SAMPLE_RATE
                if end > self.seconds_long - 1.0:
                    return
                self.truth.talks.append(Talk(begin, end))
                self._spoken.append((begin, index))
                start = free = end + float(rng.uniform(0.3, 0.8))

    def _microphone(self, rng: np.random.Generator) -> np.ndarray:
        samples = self.seconds_long * SAMPLE_RATE
        sound = (rng.standard_normal(samples, dtype=np.float32) * _NOISE * 32767).astype(np.int16)
        for begin, index in self._spoken:
            place = round(begin * SAMPLE_RATE)
            clip = self.clips[index][: samples - place]
            sound[place : place + len(clip)] = clip
        return sound


class _Plan:
    """Draws the events of one scene, room by room."""

    def __init__(self, rng: np.random.Generator, seconds: int, eventful: bool) -> None:
        self._rng, self._seconds, self._eventful = rng, float(seconds), eventful
        self._changes: list[tuple[float, int, dict]] = []
        self._events: list[TrueEvent] = []
        self._commands: list[WatchChange] = []
        self._last: dict[str, float] = {}
        self._number = 0

    def make(self) -> tuple[list[tuple[float, SceneState]], list[TrueEvent], list[WatchChange]]:
        """Return the states by their begin, the events, and the changes of watches."""
        stay = self._seconds / len(ROOMS)
        for index, room in enumerate(ROOMS):
            self._at(index * stay, self._quiet_room(room))
            self._distract(index * stay, (index + 1) * stay, room)
            if self._eventful:
                self._fill(index * stay + 8.0, (index + 1) * stay - 8.0, room)
        return self._timeline(), sorted(self._events, key=lambda e: e.begin), self._commands

    def _quiet_room(self, room: str) -> dict:
        colours = {
            s: str(self._rng.choice(COLOURS)) if self._rng.random() < 0.5 else None for s in SHAPES
        }
        pot = str(self._rng.choice(('idle', 'heating'))) if room == 'kitchen' else 'none'
        return {
            'room': room, 'pot': pot, 'door': 'closed', 'people': (), 'parcel': False,
            'lamp': True, **colours,
        }  # fmt: skip

    def _distract(self, begin: float, end: float, room: str) -> None:
        time = begin
        while (time := time + float(self._rng.uniform(*_NEXT_DISTRACTION))) < end:
            shape = str(self._rng.choice(SHAPES))
            self._at(time, {shape: str(self._rng.choice(COLOURS))})
            if room == 'kitchen' and not self._eventful:
                self._at(time + 1.0, {'pot': str(self._rng.choice(('idle', 'heating')))})

    def _fill(self, begin: float, end: float, room: str) -> None:
        """Let things happen in one room, all over before the robot leaves it."""
        time = begin
        changed = False
        while (time := time + float(self._rng.uniform(*_NEXT_EVENT))) < end - 45.0:
            if not changed and time > begin + 60.0 and self._may(_CHANGED_WATCH, time):
                changed = True
                self._cancel_and_add_again(time)
            here = [n for n in NAMES if n != FALL and (n != 'pot_boils' or room == 'kitchen')]
            names = [n for n in here if self._may(n, time)]
            if names:
                self._let_happen(str(self._rng.choice(names)), time)

    def _may(self, name: str, time: float) -> bool:
        return time - self._last.get(name, -1e9) >= _SAME_WATCH_AGAIN

    def _let_happen(self, name: str, begin: float, counts: bool = True) -> None:
        end = begin + float(self._rng.uniform(*_LENGTH))
        self._last[name] = begin
        if name == 'pot_boils':
            self._at(begin - float(self._rng.uniform(5.0, 15.0)), {'pot': 'heating'})
        if name == 'person_comes' and self._rng.random() < 0.6:
            fall = begin + float(self._rng.uniform(6.0, 12.0))
            up = fall + float(self._rng.uniform(10.0, 20.0))
            end = max(end, up + 3.0)
            self._add(FALL, fall, up, True)
        self._add(name, begin, end, counts)

    def _add(self, name: str, begin: float, end: float, counts: bool) -> None:
        self._events.append(TrueEvent(name, begin, end, counts))
        self._at(begin, _BEGINS[name])
        self._at(end, _ENDS[name])

    def _cancel_and_add_again(self, time: float) -> None:
        """Cancel a watch, let it happen 2 s later, and add it again when that is over."""
        name = _CHANGED_WATCH
        self._commands.append(WatchChange(time - 10.0, name, adds=False))
        self._add(name, time - 8.0, time + 7.0, counts=False)
        self._commands.append(WatchChange(time + 9.0, name, adds=True))
        self._let_happen(name, time + 11.0)

    def _at(self, time: float, changes: dict) -> None:
        self._number += 1
        heapq.heappush(self._changes, (time, self._number, changes))

    def _timeline(self) -> list[tuple[float, SceneState]]:
        state, states = SceneState(), []
        while self._changes:
            time, _, changes = heapq.heappop(self._changes)
            state = state.changed(**changes)
            states.append((time, state))
        return states


def _jpeg(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, 'JPEG', quality=90)
    return file.getvalue()
