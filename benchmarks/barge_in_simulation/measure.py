# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what happened in the trials to the metrics M1, M2, M3, M4, M6 and M7.

A silence inside the robot's speech counts as sound: the robot has stopped only when nothing of
the old answer is rendered any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
import math

import numpy as np

from benchmarks.barge_in_simulation.record import PlacedEvent, Record
from benchmarks.barge_in_simulation.scenario import INTERRUPTION, Scenario
from minicpmo_ros.barge_in.policy import Output

STOP_LIMIT = 1.0  # M2: an interruption must stop the robot within this time [s]
CONFIRM_LIMIT = 2.5
RESUME_LIMIT = 0.5
WARM_UP = 1.0
REACH = 1.5  # what happens so long after the end of a noise is its doing [s]


@dataclass
class Spread:
    """Values with the order statistics that are reported."""

    values: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        """Return n, p50, p95 and max; empty without values."""
        if not self.values:
            return {'n': 0}
        return {
            'n': len(self.values),
            'p50': round(float(np.percentile(self.values, 50)), 4),
            'p95': round(float(np.percentile(self.values, 95)), 4),
            'max': round(float(max(self.values)), 4),
        }


@dataclass
class Measurement:
    """What a system did in all trials of one scene.

    stop: M1 [s]. interruptions, stopped: M2. cuts, pauses while only the robot spoke, and
    the minutes of that: M3. events, false_stops, resumed, paused: M4. spill: M6 [s].
    stale: speech of a void epoch that was rendered [s]. heard: M7 [s].
    """

    scenario: Scenario
    stop: Spread = field(default_factory=Spread)
    confirm: Spread = field(default_factory=Spread)
    interruptions: int = 0
    stopped: int = 0
    own_cuts: int = 0
    own_pauses: int = 0
    own_minutes: float = 0.0
    events: int = 0
    false_stops: int = 0
    paused: int = 0
    resumed: int = 0
    spill: Spread = field(default_factory=Spread)
    stale: float = 0.0
    heard: Spread = field(default_factory=Spread)
    words_never_played: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return the numbers for the result file."""
        return {
            'scenario': self.scenario.name,
            'group': self.scenario.group,
            'M1 stop latency [s]': self.stop.summary(),
            'decision [s]': self.confirm.summary(),
            'M2 recall': _share(self.stopped, self.interruptions),
            'M2 n': self.interruptions,
            'M3 cuts per minute': _rate(self.own_cuts, self.own_minutes),
            'M3 pauses per minute': _rate(self.own_pauses, self.own_minutes),
            'M3 minutes': round(self.own_minutes, 2),
            'M4 false stops': _share(self.false_stops, self.events),
            'M4 n': self.events,
            'M4 paused': self.paused,
            'M4 resumed within 0.5 s': self.resumed,
            'M6 spill [s]': self.spill.summary(),
            'M6 stale speech [s]': round(self.stale, 4),
            'M7 heard error [s]': self.heard.summary(),
            'M7 words never played': self.words_never_played,
        }


def measure(scenario: Scenario, records: Sequence[Record]) -> Measurement:
    """Return the metrics of one scene."""
    result = Measurement(scenario)
    for record in records:
        _own_speech(record, result)
        turn = record.turn_id
        for placed in record.placed:
            if placed.event.kind == INTERRUPTION:
                _interruption(record, placed, turn, result)
                turn += 1
            else:
                _false_alarm(record, placed, result)
        _cuts(record, result)
    return result


def _interruption(record: Record, placed: PlacedEvent, turn: int, result: Measurement) -> None:
    result.interruptions += 1
    onset = placed.begin
    cuts = [
        issued.time
        for issued in record.issued
        if issued.command.stage is Output.CONFIRM and issued.command.turn_id == turn
    ]
    sound_end = record.last_sound.get(turn, onset)
    early = [cut for cut in cuts if cut < onset]
    # A cut before the person spoke is a false one: it does not count as a success.
    if early or not cuts or cuts[0] > onset + CONFIRM_LIMIT:
        return
    # Nor does a robot that was silent already, because it had paused at its own echo.
    if turn in record.last_sound and record.first_sound[turn] < onset and sound_end < onset:
        return
    result.stop.values.append(max(sound_end - onset, 0.0))
    result.confirm.values.append(cuts[0] - onset)
    if sound_end <= onset + STOP_LIMIT:
        result.stopped += 1


def _false_alarm(record: Record, placed: PlacedEvent, result: Measurement) -> None:
    result.events += 1
    begin = max(placed.begin, record.robot_begin - record.scenario.thinking)
    window = [issued for issued in record.issued if begin <= issued.time <= placed.end + REACH]
    stages = [issued.command.stage for issued in window]
    if Output.CONFIRM in stages:
        result.false_stops += 1
    if Output.PAUSE in stages:
        result.paused += 1
        back = [issued.time for issued in window if issued.command.stage is Output.RESUME]
        if back and back[-1] <= placed.end + RESUME_LIMIT and Output.CONFIRM not in stages:
            result.resumed += 1


def _own_speech(record: Record, result: Measurement) -> None:
    """Count what happened while only the robot made a sound."""
    first = record.first_sound.get(record.turn_id, record.robot_begin) + WARM_UP
    end = min((placed.begin for placed in record.placed), default=math.inf)
    last = min(end, record.last_sound.get(record.turn_id, first))
    result.own_minutes += max(last - first, 0.0) / 60.0
    for issued in record.issued:
        if first <= issued.time < end:
            result.own_cuts += issued.command.stage is Output.CONFIRM
            result.own_pauses += issued.command.stage is Output.PAUSE


def _cuts(record: Record, result: Measurement) -> None:
    """Measure what follows each decision: sound of the old answer, and what was remembered."""
    result.stale += record.stale_seconds
    for index, issued in enumerate(record.issued):
        command = issued.command
        if command.stage is Output.RESUME:
            continue
        turn = command.turn_id
        if command.stage is Output.PAUSE:
            following = record.issued[index + 1 : index + 2]
            if not following or following[0].command.stage is Output.RESUME:
                continue
        end = record.last_sound.get(turn, issued.time)
        result.spill.values.append(max(end - issued.time, 0.0))
        if command.stage is Output.CONFIRM and not math.isnan(command.played):
            played = record.played.get(turn, 0.0)
            result.heard.values.append(abs(command.played - played))
            spoken = played * 3.0  # the words of the trials are three a second
            result.words_never_played += max(
                len(command.heard_text.split()) - math.ceil(spoken), 0
            )


def _share(part: int, whole: int) -> object:
    return round(part / whole, 4) if whole else None


def _rate(count: int, minutes: float) -> object:
    return round(count / minutes, 3) if minutes > 0.0 else None
