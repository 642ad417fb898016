# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Notes everything the assistant tells, asks and says during a scene; times are scene time [s]."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.proactive_simulation.loopback import Loopback
from benchmarks.proactive_simulation.recording import Truth, WatchChange
from minicpmo_ros.msg import ProactiveEvent, TextDelta, UnitReport, WatchAnswer


@dataclass(frozen=True)
class Alert:
    """An event was opened. spoken: the model said it by itself."""

    watch_id: str
    time: float
    spoken: bool


@dataclass
class Saying:
    """A turn of the robot. over_user: a person was speaking when it began to sound.

    unnoticed: since so short a time that no detector could have heard it.
    unasked: an event announced, or something the model said by itself.
    """

    turn_id: int
    time: float
    over_user: bool
    unnoticed: bool = False
    text: str = ''
    unasked: bool = False


@dataclass
class ChangeEffect:
    """How many units a change of a watch took to have its effect; None: never seen to have."""

    change: WatchChange
    units: int | None = None


@dataclass
class Observer:
    """Reads the topics that people and home systems read, and the answers.

    offset: the clock at the begin of the scene [s].
    """

    loopback: Loopback
    truth: Truth
    offset: float = 0.0
    alerts: list[Alert] = field(default_factory=list)
    sayings: list[Saying] = field(default_factory=list)
    effects: list[ChangeEffect] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    unit_times: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _critical: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Subscribe."""
        subscribe = self.loopback.subscribe
        subscribe('events', self._on_event)
        subscribe('text_delta', self._on_text)
        subscribe('watch_answer', self._on_answer)
        subscribe('unit_report', self._on_report)

    @property
    def now(self) -> float:
        """Return the time in the scene."""
        return self.loopback.clock() - self.offset

    def note_change(self, change: WatchChange) -> None:
        """Note that a watch is changed now."""
        self.effects.append(ChangeEffect(change, None if change.adds else 0))

    def take_unacknowledged(self, before: float) -> list[str]:
        """Return critical events opened before a time, once: a person acknowledges them."""
        due = [event_id for event_id, time in self._critical.items() if time <= before]
        for event_id in due:
            del self._critical[event_id]
        return due

    def _on_event(self, message: ProactiveEvent) -> None:
        if message.spoken and message.turn_id:
            for saying in self.sayings:
                if saying.turn_id == message.turn_id:
                    saying.unasked = True
        if message.type != ProactiveEvent.OPENED or not message.watch_id:
            return
        self.alerts.append(Alert(message.watch_id, self.now, message.spoken))
        if message.acknowledgement_required:
            self._critical[message.event_id] = self.now

    def _on_text(self, message: TextDelta) -> None:
        if not self.sayings or self.sayings[-1].turn_id != message.turn_id:
            over = self.truth.is_talking(self.now)
            unnoticed = over and not self.truth.can_be_heard(self.now)
            self.sayings.append(Saying(message.turn_id, self.now, over, unnoticed))
        self.sayings[-1].text += message.delta

    def _on_answer(self, message: WatchAnswer) -> None:
        self.answers[message.watch_id] = self.answers.get(message.watch_id, 0) + 1
        for effect in self.effects:
            if effect.change.watch_id != message.watch_id:
                continue
            passed = int(self.now - effect.change.time) + 1
            if effect.change.adds:
                effect.units = passed if effect.units is None else effect.units
            elif not self._is_added_again(effect):
                effect.units = passed

    def _is_added_again(self, effect: ChangeEffect) -> bool:
        following = self.effects[self.effects.index(effect) + 1 :]
        return any(e.change.watch_id == effect.change.watch_id for e in following)

    def _on_report(self, message: UnitReport) -> None:
        self.unit_times.append(message.total_time)
