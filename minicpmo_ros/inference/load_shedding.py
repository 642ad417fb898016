# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is left out when the model is too slow, from the mildest to the hardest. Sound never is.

The ladder is climbed one rung at a time by the measured time of units and left again, with more
and more patience where leaving a rung has just proved too early. Units that already wait demand
their own rung at once, for as long as they wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
import enum
from typing import Optional


class Rung(enum.IntEnum):
    """Each rung includes those before it; the values are those of ``UnitReport.msg``."""

    EVERYTHING = 0
    ONE_PICTURE = 1
    SMALL_PICTURE = 2
    HALF_FLOW_STEPS = 3
    NO_PICTURE = 4
    TEXT_ONLY = 5

    @property
    def says(self) -> str:
        """Return what is left out, in words."""
        return {
            Rung.EVERYTHING: 'nothing is left out',
            Rung.ONE_PICTURE: 'one picture per unit',
            Rung.SMALL_PICTURE: 'one small picture per unit',
            Rung.HALF_FLOW_STEPS: 'speech in half of the steps',
            Rung.NO_PICTURE: 'no pictures',
            Rung.TEXT_ONLY: 'no speech, answers are text only',
        }[self]


@dataclass(frozen=True)
class Rule:
    """When a rung is entered from the one before, and when it is left again.

    enter, leave: load, the smoothed time of a unit divided by its period.
    """

    enter: float
    leave: float


RULES = {
    Rung.ONE_PICTURE: Rule(0.90, 0.70),
    Rung.SMALL_PICTURE: Rule(0.95, 0.65),
    Rung.HALF_FLOW_STEPS: Rule(1.00, 0.60),
    Rung.NO_PICTURE: Rule(1.00, 0.55),
    Rung.TEXT_ONLY: Rule(1.05, 0.50),
}
PICTURE_RUNGS = frozenset({Rung.ONE_PICTURE, Rung.SMALL_PICTURE, Rung.NO_PICTURE})
SPEECH_RUNGS = frozenset({Rung.HALF_FLOW_STEPS, Rung.TEXT_ONLY})
WAITING = ((2, Rung.NO_PICTURE), (1, Rung.ONE_PICTURE))
"""Units that wait at least, and the rung that is taken at once."""
SMALL_PICTURE_SIDE = 224
SMOOTHING = 0.4
"""Weight of the newest unit in the smoothed time."""
SETTLE_UNITS = 2
"""Units measured on a rung before the next one is entered; one where the load is extreme."""
EXTREME_LOAD = 1.3
PATIENCE_UNITS = 10
"""Calm units in a row before a rung is left."""
MOST_PATIENCE_UNITS = 160


class Step(enum.Enum):
    """What the ladder does after a unit."""

    STAY = 0
    ENTER = 1
    LEAVE = -1


@dataclass(frozen=True)
class Shedding:
    """What is left out of one unit, and why; the reason is empty where nothing is."""

    rung: Rung = Rung.EVERYTHING
    reason: str = ''

    @property
    def pictures(self) -> Optional[int]:
        """Return how many of the newest pictures are used, None for all."""
        if self.rung >= Rung.NO_PICTURE:
            return 0
        return None if self.rung < Rung.ONE_PICTURE else 1

    @property
    def longest_side(self) -> Optional[int]:
        """Return the longest side to which pictures are scaled down [pixels], None for any."""
        return SMALL_PICTURE_SIDE if self.rung >= Rung.SMALL_PICTURE else None

    @property
    def max_slices(self) -> Optional[int]:
        """Return into how many slices a picture may be cut, None for the model's own number."""
        return 1 if self.rung >= Rung.SMALL_PICTURE else None

    @property
    def flow_stride(self) -> int:
        """Return every how many-th step of the flow is computed."""
        return 2 if self.rung >= Rung.HALF_FLOW_STEPS else 1

    @property
    def text_only(self) -> bool:
        """Return whether no speech is made."""
        return self.rung >= Rung.TEXT_ONLY


@dataclass
class LadderState:
    """Where the ladder stands.

    position: index into the rungs in use. loads: by whether the model spoke, measured on this
    rung. load: the larger of them, a plain number because diagnostics read it in another thread.
    measured: units since the last step. calm: units in a row under the limit to leave.
    patience: calm units needed to leave a rung. left_ago: units since each rung was left.
    """

    position: int = 0
    loads: dict[bool, float] = field(default_factory=dict)
    load: float = 0.0
    measured: int = 0
    calm: int = 0
    patience: dict[Rung, int] = field(default_factory=dict)
    left_ago: dict[Rung, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Leave nothing out and forget what was measured."""
        self.position = self.measured = self.calm = 0
        self.load = 0.0
        for values in (self.loads, self.patience, self.left_ago):
            values.clear()


class LoadLadder:
    """Chooses for every unit what is left out of it.

    vision, model_speech: whether there are pictures, and a voice of the model, to save on; rungs
    without an effect are not used.
    period: length of a unit [s].
    """

    def __init__(self, vision: bool, model_speech: bool, period: float = 1.0) -> None:
        without = set() if vision else set(PICTURE_RUNGS)
        without |= set() if model_speech else set(SPEECH_RUNGS)
        self.rungs = tuple(rung for rung in Rung if rung not in without)
        self.period = period
        self.state = LadderState()

    @property
    def rung(self) -> Rung:
        """Return the rung that measured times demand."""
        return self.rungs[self.state.position]

    @property
    def load(self) -> float:
        """Return the smoothed time of the slower kind of units, relative to the period."""
        return self.state.load

    def shedding(self, waiting: int) -> Shedding:
        """Return what is left out of the unit that is begun while ``waiting`` others wait."""
        demanded = demanded_by_waiting(waiting, self.rungs)
        if demanded > self.rung:
            return Shedding(demanded, f'{waiting} unit(s) wait')
        if self.rung is Rung.EVERYTHING:
            return Shedding()
        if self.state.measured:
            return Shedding(self.rung, f'units take {self.load * self.period:.2f} s')
        return Shedding(self.rung, 'units took too long')

    def finish(
        self, seconds: float, spoke: bool, waiting: int, used: Optional[Rung] = None
    ) -> Step:
        """Take in how long a unit took; return the step that follows from it.

        waiting: units that wait now. used: the rung the unit was processed on, None for
        :attr:`rung`. A unit relieved of more than that is no proof that less would do.
        """
        state = self.state
        newest, before = seconds / self.period, state.loads.get(spoke)
        if before is not None:
            relieved = used is not None and used > self.rung
            change = max(newest - before, 0.0) if relieved else newest - before
            newest = before + SMOOTHING * change
        state.loads[spoke] = newest
        state.load = max(state.loads.values())
        state.measured += 1
        for rung in state.left_ago:
            state.left_ago[rung] += 1
        leave = RULES[self.rung].leave if state.position else 0.0
        state.calm = state.calm + 1 if self.load <= leave and not waiting else 0
        following = self.rungs[state.position + 1 : state.position + 2]
        patience = state.patience.get(self.rung, PATIENCE_UNITS)
        step = next_step(
            self.load,
            RULES[following[0]].enter if following else None,
            state.measured,
            state.calm,
            patience if state.position else None,
        )
        if step is Step.ENTER:
            self._enter(following[0])
        elif step is Step.LEAVE:
            state.left_ago[self.rung] = 0
            self._move(-1)
        return step

    def reset(self) -> None:
        """Begin anew, with everything."""
        self.state.reset()

    def _enter(self, rung: Rung) -> None:
        """Step on; a rung that was left only a while ago is kept twice as long this time."""
        patience = self.state.patience.get(rung, PATIENCE_UNITS)
        relapse = self.state.left_ago.pop(rung, MOST_PATIENCE_UNITS) < 2 * patience
        patience = min(2 * patience, MOST_PATIENCE_UNITS) if relapse else PATIENCE_UNITS
        self.state.patience[rung] = patience
        self._move(+1)

    def _move(self, by: int) -> None:
        # Times of another rung say nothing about this one.
        self.state.position += by
        self.state.measured = self.state.calm = 0
        self.state.loads.clear()
        self.state.load = 0.0


def next_step(
    load: float,
    enter: Optional[float],
    measured: int,
    calm: int,
    patience: Optional[int],
) -> Step:
    """Return the step that follows from what was measured on a rung.

    enter: load at which the next rung begins, None on the last one. measured: units measured on
    this rung. calm: those in a row at whose load this rung may be left. patience: how many of
    them are needed, None on the first rung.
    """
    settled = measured >= (1 if load >= EXTREME_LOAD else SETTLE_UNITS)
    if enter is not None and load >= enter and settled:
        return Step.ENTER
    if patience is not None and calm >= patience:
        return Step.LEAVE
    return Step.STAY


def demanded_by_waiting(waiting: int, rungs: Collection[Rung]) -> Rung:
    """Return the rung that waiting units demand, of those in use."""
    for least, rung in WAITING:
        if waiting >= least and rung in rungs:
            return rung
    return Rung.EVERYTHING
