# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is measured in the simulated room, and what is written down about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from benchmarks.barge_in_simulation.baseline import FlushAfter
from benchmarks.barge_in_simulation.scenario import Event, Scenario
from minicpmo_ros.barge_in.controller import BargeInController, Command
from minicpmo_ros.sound_device.audio_engine import AudioEngine

PolicyLike = BargeInController | FlushAfter


@dataclass(frozen=True)
class System:
    """What is measured: an engine and a policy, made anew for every trial."""

    name: str
    make_engine: Callable[[], AudioEngine]
    make_policy: Callable[[], PolicyLike]


@dataclass
class Issued:
    """A command with the time it was decided [s] and what had really been played then [s]."""

    time: float
    command: Command
    played: float = 0.0


@dataclass
class PlacedEvent:
    """An event on the clock of the trial [s]."""

    event: Event
    begin: float
    end: float


@dataclass
class Record:
    """Everything that happened; times in seconds on the one sample counter.

    turn_id: of the answer.
    """

    scenario: Scenario
    placed: list[PlacedEvent] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    robot_begin: float = 0.0
    turn_id: int = 1
    last_sound: dict[int, float] = field(default_factory=dict)  # turn: end of its last sample
    first_sound: dict[int, float] = field(default_factory=dict)
    sounding: float = 0.0  # the robot was heard [s]
    played: dict[int, float] = field(default_factory=dict)
    stale_seconds: float = 0.0
