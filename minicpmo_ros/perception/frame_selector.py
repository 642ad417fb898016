# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the camera frames that a unit shows to the model."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum
from typing import Generic, TypeVar

Payload = TypeVar('Payload')

# Frames may be this far ahead of the sound: microphones deliver in blocks, drivers are late.
LOOKAHEAD = 3.0


class FrameFate(enum.Enum):
    """What happened to a frame when it arrived."""

    KEPT = 'kept'
    DUPLICATE = 'duplicate'
    LATE = 'late'
    FUTURE = 'future'


@dataclass(frozen=True)
class Frame(Generic[Payload]):
    """A picture, or whatever stands for it, with its time [s]."""

    stamp: float
    payload: Payload


@dataclass
class FrameCount:
    """What became of every frame.

    received = used + unused + duplicate + late + future + frames that wait
    """

    received: int = 0
    used: int = 0
    unused: int = 0
    duplicate: int = 0
    late: int = 0
    future: int = 0


@dataclass
class FrameSelectorState(Generic[Payload]):
    """Frames that may still be used, sorted by stamp.

    passed_over: how many frames each waiting one, by its stamp, has displaced.
    frozen_until: no frame with an earlier stamp is taken any more, the open unit has its own.
    """

    waiting: list[Frame[Payload]] = field(default_factory=list)
    passed_over: dict[float, int] = field(default_factory=dict)
    newest_used: float = float('-inf')
    frozen_until: float = float('-inf')


class FrameSelector(Generic[Payload]):
    """Keeps the newest frame of each of ``images_per_unit`` equal parts of a unit.

    Passed-over frames are let go at once, so no more than a few large payloads are alive.
    """

    def __init__(self, images_per_unit: int, late_tolerance: float = 0.5):
        self.images_per_unit = images_per_unit
        self.late_tolerance = late_tolerance
        self.count = FrameCount()
        self.state: FrameSelectorState[Payload] = FrameSelectorState()

    def reset(self) -> None:
        """Let all frames go. Counts go on."""
        self.count.unused += len(self.state.waiting)
        self.state = FrameSelectorState()

    @property
    def frozen(self) -> bool:
        """Return whether the frames of the open unit are final."""
        return self.state.frozen_until > float('-inf')

    def offer(self, frame: Frame[Payload], begin: float, end: float) -> FrameFate:
        """Take a frame while the unit [begin, end) is open and return what became of it."""
        self.count.received += 1
        fate = self._judge(frame, begin, end)
        if fate is FrameFate.KEPT:
            self._keep(frame, begin, end)
        else:
            setattr(self.count, fate.value, getattr(self.count, fate.value) + 1)
        return fate

    def freeze(self, begin: float, end: float) -> tuple[Frame[Payload], ...]:
        """Return the frames the unit [begin, end) will have; from now on they are final.

        Nothing is final while there is none.
        """
        chosen = self._choose(begin, end)
        if chosen:
            self.state.frozen_until = end
        return chosen

    def take(self, begin: float, end: float) -> tuple[tuple[Frame[Payload], ...], int]:
        """Return the frames of the unit [begin, end), newest last, and how many went unused."""
        state = self.state
        chosen = self._choose(begin, end)
        mine = [frame for frame in state.waiting if frame.stamp < end]
        state.waiting = [frame for frame in state.waiting if frame.stamp >= end]
        state.frozen_until = float('-inf')
        if chosen:
            state.newest_used = chosen[-1].stamp
        self.count.used += len(chosen)
        self.count.unused += len(mine) - len(chosen)
        displaced = sum(state.passed_over.pop(frame.stamp, 0) for frame in mine)
        return chosen, displaced + len(mine) - len(chosen)

    def _choose(self, begin: float, end: float) -> tuple[Frame[Payload], ...]:
        """Return the newest frame of each part of the unit, at most ``images_per_unit``."""
        if not self.images_per_unit:
            return ()
        mine = (frame for frame in self.state.waiting if frame.stamp < end)
        parts = {self._part(frame.stamp, begin, end): frame for frame in mine}
        return tuple(parts.values())[-self.images_per_unit :]

    def _judge(self, frame: Frame[Payload], begin: float, end: float) -> FrameFate:
        stamp = frame.stamp
        if stamp == self.state.newest_used or any(
            waiting.stamp == stamp for waiting in self.state.waiting
        ):
            return FrameFate.DUPLICATE
        if stamp > end + LOOKAHEAD:
            return FrameFate.FUTURE
        if stamp < max(self.state.newest_used, begin - self.late_tolerance):
            return FrameFate.LATE
        return FrameFate.KEPT

    def _keep(self, frame: Frame[Payload], begin: float, end: float) -> None:
        """Keep the newer one of two frames in the same part of the same unit."""
        waiting, part = self.state.waiting, self._part(frame.stamp, begin, end)
        passed_over = self.state.passed_over
        if frame.stamp < self.state.frozen_until:
            passed_over[waiting[0].stamp] = passed_over.get(waiting[0].stamp, 0) + 1
            self.count.unused += 1
            return
        for position, other in enumerate(waiting):
            if self._part(other.stamp, begin, end) == part:
                kept = max(other, frame, key=lambda each: each.stamp)
                waiting[position] = kept
                passed_over[kept.stamp] = passed_over.pop(other.stamp, 0) + 1
                self.count.unused += 1
                return
        waiting.append(frame)
        waiting.sort(key=lambda each: each.stamp)

    def _part(self, stamp: float, begin: float, end: float) -> int:
        """Return which part of which unit, counted from the open one; late frames join part 0."""
        parts = max(self.images_per_unit, 1)
        return max(int((stamp - begin) / (end - begin) * parts), 0)
