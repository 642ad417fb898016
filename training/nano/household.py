# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What happens in the rooms: doors, lamps, pots, visitors, parcels and falls, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from training.nano.layout import (
    HELD_OUT_SEEDS,
    TRAINING_SEEDS,
    SceneLayout,
    random_layout,
)
from training.nano.scene import COLOURS, MAX_PEOPLE, ROOMS, SHAPES, SceneState, random_scene
from training.nano.watch import WATCHES

# chance per unit of each change nobody asked about
_CHANGE_RATES = {
    'door': 0.015,
    'lamp': 0.015,
    'parcel': 0.01,
    'people': 0.03,
    'pot': 0.03,
    'object': 0.01,
}
_WATCHED_CHANGE = {
    'pot_boils': 'pot',
    'person_comes': 'people',
    'door_opens': 'door',
    'door_closes': 'door',
    'parcel_comes': 'parcel',
    'lamp_off': 'lamp',
}
_NEXT_POT = {'none': 'none', 'idle': 'heating', 'heating': 'boiling', 'boiling': 'heating'}
_QUIET_AFTER_TRIGGER = 6


@dataclass(frozen=True)
class Pace:
    """How often things happen.

    change: factor on the chances of unasked changes.
    fall: chance per unit that a standing person falls.
    wait: shortest and longest time from opening a watch to its event [units].
    """

    change: float
    fall: float
    wait: tuple[int, int]


@dataclass
class Household:
    """The rooms over time. ``step`` advances one unit."""

    rng: np.random.Generator
    pace: Pace
    layouts: list[SceneLayout]
    state: SceneState
    layout: int = 0
    _due: dict[str, int] = field(default_factory=dict)
    _held_until: dict[str, int] = field(default_factory=dict)
    _rise_at: int = -1
    _move_at: int = -1
    _move_to: str = ''

    @classmethod
    def create(cls, rng: np.random.Generator, pace: Pace, held_out: bool) -> Household:
        """Return a home with one look per room; held-out homes share no look with training."""
        seeds = rng.integers(*(HELD_OUT_SEEDS if held_out else TRAINING_SEEDS), len(ROOMS))
        layouts = [random_layout(int(seed)) for seed in seeds]
        state = random_scene(rng)
        return cls(rng, pace, layouts, state, ROOMS.index(state.room))

    def move_to(self, room: str, unit: int) -> None:
        """Let the robot arrive in another room a few units later."""
        if room != self.state.room:
            self._move_at, self._move_to = unit + int(self.rng.integers(3, 7)), room

    def open_watch(self, name: str, unit: int) -> None:
        """Decide when the watched thing will happen."""
        self._due[name] = unit + int(self.rng.integers(*self.pace.wait))

    def step(self, unit: int, watches: tuple[str, ...], quiet: bool) -> SceneState:
        """Return the scene of this unit.

        Args:
            watches: names of the open watches; their events come when they are due, not before.
            quiet: nobody talks; watched events and falls wait for it.
        """
        self._due = {name: when for name, when in self._due.items() if name in watches}
        if unit == self._move_at:
            self._arrive(watches)
        self._move_people(unit, quiet)
        blocked = {_WATCHED_CHANGE[name] for name in watches}
        for change, rate in _CHANGE_RATES.items():
            held = self._held_until.get(change, 0) > unit or change in blocked
            if not held and self.rng.random() < rate * self.pace.change:
                self._change(change)
        for name, when in list(self._due.items()):
            if quiet and unit >= when and not self.state.fallen:
                self._trigger(name, unit)
        return self.state

    def _arrive(self, watches: tuple[str, ...]) -> None:
        state = random_scene(self.rng, self._move_to)
        for name in watches:
            state = _prevent(state, name)
        self.state, self.layout = state, ROOMS.index(state.room)
        self._rise_at = -1

    def _move_people(self, unit: int, quiet: bool) -> None:
        people = self.state.people
        if self.state.fallen:
            if unit >= self._rise_at:
                self.state = self.state.changed(people=('standing',) * len(people))
        elif people and quiet and self.rng.random() < self.pace.fall:
            fallen = int(self.rng.integers(len(people)))
            lying = tuple('lying' if i == fallen else 'standing' for i in range(len(people)))
            self.state = self.state.changed(people=lying)
            self._rise_at = unit + int(self.rng.integers(5, 16))

    def _change(self, change: str) -> None:
        state = self.state
        if change == 'door':
            state = state.changed(door='closed' if state.door == 'open' else 'open')
        elif change == 'lamp':
            state = state.changed(lamp=not state.lamp)
        elif change == 'parcel':
            state = state.changed(parcel=not state.parcel)
        elif change == 'pot':
            state = state.changed(pot=_NEXT_POT[state.pot])
        elif change == 'people' and not state.fallen:
            count = len(state.people) + (1 if self.rng.random() < 0.5 else -1)
            state = state.changed(people=('standing',) * min(max(count, 0), MAX_PEOPLE))
        elif change == 'object':
            shape = str(self.rng.choice(SHAPES))
            colour = str(self.rng.choice(COLOURS)) if self.rng.random() < 0.7 else None
            state = state.changed(**{shape: colour})
        self.state = state

    def _trigger(self, name: str, unit: int) -> None:
        change = _WATCHED_CHANGE[name]
        if name == 'pot_boils':
            if self.state.pot == 'none':
                return
            if self.state.pot == 'idle':  # heats for a while first
                self.state = self.state.changed(pot='heating')
                self._due[name] = unit + int(self.rng.integers(1, 6))
                return
        self.state = _fulfil(self.state, name)
        self._held_until[change] = unit + _QUIET_AFTER_TRIGGER
        del self._due[name]


def _fulfil(state: SceneState, name: str) -> SceneState:
    """Return the scene with the watched thing happening."""
    changes = {
        'pot_boils': {'pot': 'boiling'},
        'person_comes': {'people': ('standing',)},
        'door_opens': {'door': 'open'},
        'door_closes': {'door': 'closed'},
        'parcel_comes': {'parcel': True},
        'lamp_off': {'lamp': False},
    }
    return state if WATCHES[name].happens(state) else state.changed(**changes[name])


def _prevent(state: SceneState, name: str) -> SceneState:
    """Return the scene with the watched thing not happening."""
    changes = {
        'pot_boils': {'pot': 'heating'},
        'person_comes': {'people': ()},
        'door_opens': {'door': 'closed'},
        'door_closes': {'door': 'open'},
        'parcel_comes': {'parcel': False},
        'lamp_off': {'lamp': True},
    }
    return state.changed(**changes[name]) if WATCHES[name].happens(state) else state


def ready_for(state: SceneState, watch: Optional[str]) -> bool:
    """Return whether a watch makes sense now: not yet true and possible in this room."""
    if watch is None:
        return True
    if watch == 'pot_boils' and state.pot == 'none':
        return False
    return not WATCHES[watch].happens(state)
