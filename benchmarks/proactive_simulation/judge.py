# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what was observed to the metrics P1 to P7, with counts and confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from benchmarks.proactive_simulation.observer import Observer
from benchmarks.proactive_simulation.recording import TrueEvent
from training.nano.score import poisson_interval, wilson_interval

# An alert so long after the end of what it tells still tells it [s].
AFTER_END = 5.0
SOON, LATER = 3.0, 10.0
PART_SECONDS = 600.0
HOUR = 3600.0


@dataclass(frozen=True)
class Metric:
    """One line of the table.

    count: what the value was computed from. interval: 95 %. met: None where nothing was counted.
    """

    name: str
    count: str
    value: Optional[float]
    interval: Optional[tuple[float, float]]
    bar: str
    met: Optional[bool]


@dataclass(frozen=True)
class Detection:
    """A true event with the alerts that tell it; times in the scene [s]."""

    event: TrueEvent
    length: float
    alerts: tuple[float, ...]

    @property
    def delay(self) -> Optional[float]:
        """Return the time to the first alert [s], None without one."""
        return self.alerts[0] - self.event.begin if self.alerts else None

    def within(self, seconds: float) -> bool:
        """Return whether it was told within so many seconds."""
        return self.delay is not None and self.delay <= seconds


@dataclass
class Verdict:
    """Everything counted in one or many scenes.

    false_alerts: events that were opened, false_remarks: sentences of the model's own about what
    did not happen; ``still`` those, and the seconds, of scenes in which nothing happens.
    """

    detections: list[Detection] = field(default_factory=list)
    false_alerts: list[str] = field(default_factory=list)
    false_remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    still_alerts: int = 0
    still_seconds: float = 0.0
    effects: list[Optional[int]] = field(default_factory=list)
    sayings: int = 0
    over_user: int = 0
    unnoticed: int = 0

    def add(self, observer: Observer) -> None:
        """Judge one scene."""
        truth = observer.truth
        told: dict[TrueEvent, list[float]] = {event: [] for event in truth.events}
        for alert in observer.alerts:
            event = _told_event(truth.events, alert.watch_id, alert.time)
            if event is None or not event.counts:
                self.false_alerts.append(f'{truth.name}: {alert.watch_id} at {alert.time:.1f} s')
            else:
                told[event].append(alert.time)
        self.detections += [
            Detection(event, truth.seconds, tuple(times))
            for event, times in told.items()
            if event.counts and event.begin + LATER <= truth.seconds
        ]
        self.seconds += truth.seconds
        if not truth.events:
            self.still_seconds += truth.seconds
            self.still_alerts += len(observer.alerts)
        if observer.answers:  # the model alone is not told of changes
            self.effects += [effect.units for effect in observer.effects]
        unasked = [s for s in observer.sayings if s.unasked and s.time >= 0.0]
        self.sayings += len(unasked)
        self.over_user += sum(s.over_user and not s.unnoticed for s in unasked)
        self.unnoticed += sum(s.unnoticed for s in unasked)
        for saying in unasked:
            told_by = [w.id for w in truth.watches if w.is_reported_by(saying.text)]
            if told_by and _told_event(truth.events, told_by[0], saying.time) is None:
                self.false_remarks.append(f'{truth.name}: {saying.text} {saying.time:.1f} s')

    def extend(self, other: Verdict) -> None:
        """Add what another one counted."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def metrics(self) -> list[Metric]:
        """Return the table."""
        delays = [d.delay for d in self.detections if d.delay is not None]
        return [
            _share('P1 recall within 3 s', [d.within(SOON) for d in self.detections], 0.6),
            _share('P1 recall within 10 s', [d.within(LATER) for d in self.detections], 0.9),
            _rate('P2 false alerts per hour', len(self.false_alerts), self.seconds, 0.2),
            _rate('P2 ... in scenes without events', self.still_alerts, self.still_seconds, 0.2),
            _rate('false remarks of the model per hour', len(self.false_remarks), self.seconds),
            self._alerts_per_event(),
            _percentile('P4 time to alert, p50 [s]', delays, 50, 2.0),
            _percentile('P4 time to alert, p95 [s]', delays, 95, 5.0),
            *self._endurance(),
            self._change(),
            self._begun(
                'P7 begun over the user, share of what was said unasked', self.over_user, '0'
            ),
            self._begun(
                'P7 ... in the first 0.1 s of speech, which nobody hears yet', self.unnoticed, '-'
            ),
        ]

    def _alerts_per_event(self) -> Metric:
        told = [len(d.alerts) for d in self.detections if d.alerts]
        name, bar = 'P3 alerts per event told', '<= 1.05'
        if not told:
            return Metric(name, '0 / 0', None, None, bar, None)
        value = sum(told) / len(told)
        low, high = (bound / len(told) for bound in poisson_interval(sum(told) - len(told)))
        return Metric(
            name, f'{sum(told)} / {len(told)}', value, (1 + low, 1 + high), bar, value <= 1.05
        )

    def _endurance(self) -> list[Metric]:
        first = [d for d in self.detections if d.event.begin < PART_SECONDS]
        last = [d for d in self.detections if d.event.begin >= d.length - PART_SECONDS]
        name, bar = 'P5 recall (10 s), last / first ten minutes', '>= 0.9'
        hits = [sum(d.within(LATER) for d in part) for part in (first, last)]
        count = f'{hits[1]}/{len(last)} : {hits[0]}/{len(first)}'
        if not hits[0] or not last:
            return [Metric(name, count, None, None, bar, None)]
        value = hits[1] / len(last) / (hits[0] / len(first))
        low, _ = wilson_interval(hits[1], len(last))
        _, high = wilson_interval(hits[1], len(last))
        of_first = hits[0] / len(first)
        interval = (low / 100 / of_first, high / 100 / of_first)
        return [Metric(name, count, value, interval, bar, value >= 0.9)]

    def _change(self) -> Metric:
        name, bar = 'P6 units until a change of watches counts, most', '<= 2'
        if not self.effects:
            return Metric(name, '0', None, None, bar, None)
        if None in self.effects:
            missing = self.effects.count(None)
            return Metric(name, f'{missing} of {len(self.effects)} never', None, None, bar, False)
        most = float(max(self.effects))
        return Metric(name, str(len(self.effects)), most, None, bar, most <= 2)

    def _begun(self, name: str, count: int, bar: str) -> Metric:
        if not self.sayings:
            return Metric(name, '0 / 0', None, None, bar, None)
        low, high = wilson_interval(count, self.sayings)
        met = count == 0 if bar == '0' else None
        share, interval = count / self.sayings, (low / 100, high / 100)
        return Metric(name, f'{count} / {self.sayings}', share, interval, bar, met)


def _rate(name: str, count: int, seconds: float, limit: Optional[float] = None) -> Metric:
    hours, bar = seconds / HOUR, '-' if limit is None else f'<= {limit}'
    if not hours:
        return Metric(name, '0', None, None, bar, None)
    low, high = poisson_interval(count)
    value, interval = count / hours, (low / hours, high / hours)
    met = None if limit is None else value <= limit
    return Metric(name, f'{count} in {hours:.2f} h', value, interval, bar, met)


def _told_event(events: Sequence[TrueEvent], watch_id: str, time: float) -> Optional[TrueEvent]:
    told = (e for e in events if e.watch_id == watch_id and e.begin <= time <= e.end + AFTER_END)
    return max(told, key=lambda event: event.begin, default=None)


def _share(name: str, hits: Sequence[bool], bar: float) -> Metric:
    count = f'{sum(hits)} / {len(hits)}'
    if not hits:
        return Metric(name, count, None, None, f'>= {bar}', None)
    low, high = wilson_interval(sum(hits), len(hits))
    value = sum(hits) / len(hits)
    return Metric(name, count, value, (low / 100, high / 100), f'>= {bar}', value >= bar)


def _percentile(name: str, values: Sequence[float], percent: float, bar: float) -> Metric:
    if not values:
        return Metric(name, '0', None, None, f'<= {bar:g}', None)
    value = float(np.percentile(values, percent))
    interval = _bootstrap(np.asarray(values), percent)
    return Metric(name, str(len(values)), value, interval, f'<= {bar:g}', value <= bar)


def _bootstrap(values: np.ndarray, percent: float, draws: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of a percentile by resampling."""
    picks = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(np.percentile(values[picks], percent, axis=1), (2.5, 97.5))
    return float(low), float(high)
