# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was seen of a running assistant, in seconds since the begin of its first unit."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum

import numpy as np

MICROPHONE_RATE = 16000
# The bridge confirms an interruption at most so long after it stopped the voice [s].
LONGEST_PAUSE = 2.5


@dataclass(frozen=True)
class UnitSeen:
    """One second of input and what the model did with it; times in seconds."""

    index: int
    begin: float
    end: float
    speaks: bool
    forced: bool
    end_of_turn: bool
    turn_id: int
    stages: dict[str, float]
    total: float
    pictures: int
    units_behind: int


@dataclass(frozen=True)
class SpeechSeen:
    """A piece of the robot's speech as published; samples int16 [n] at ``rate``."""

    time: float
    turn_id: int
    epoch: int
    offset: float
    rate: int
    samples: np.ndarray
    text: str
    proactive: bool
    last: bool


@dataclass(frozen=True)
class PlaybackSeen:
    """What the loudspeaker did; ``played`` [s] of the turn's speech."""

    time: float
    turn_id: int
    epoch: int
    playing: bool
    paused: bool
    played: float


class Stage(enum.Enum):
    """Stage of an interruption."""

    PAUSE = 0
    CONFIRM = 1
    RESUME = 2


@dataclass(frozen=True)
class InterruptionSeen:
    """The robot's voice was held, cut or given back."""

    time: float
    stage: Stage
    reason: str
    turn_id: int
    played: float
    source: str


@dataclass(frozen=True)
class EventSeen:
    """A proactive event; ``type`` is opened, updated or closed."""

    time: float
    event_id: str
    type: str
    kind: str
    severity: int
    origin: str
    text: str
    turn_id: int


@dataclass(frozen=True)
class Caption:
    """What a person says in a recording whose script is known."""

    begin: float
    end: float
    text: str
    kind: str = 'speech'


@dataclass
class Observation:
    """Everything that was seen, in the order in which it came.

    microphone: unit begin [s] and int16 samples at MICROPHONE_RATE. pictures: time [s] and JPEG.
    """

    units: list[UnitSeen] = field(default_factory=list)
    speech: list[SpeechSeen] = field(default_factory=list)
    playback: list[PlaybackSeen] = field(default_factory=list)
    interruptions: list[InterruptionSeen] = field(default_factory=list)
    events: list[EventSeen] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    user_speech: list[tuple[float, float]] = field(default_factory=list)
    microphone: list[tuple[float, np.ndarray]] = field(default_factory=list)
    pictures: list[tuple[float, bytes]] = field(default_factory=list)
    title: str = ''
    model: str = ''

    @property
    def seconds(self) -> float:
        """Return the length [s], up to the last unit or the last sound."""
        ends = [unit.end for unit in self.units]
        ends += [begin + len(s) / MICROPHONE_RATE for begin, s in self.microphone]
        ends += [seen.time for seen in self.playback if seen.playing]
        return max(ends, default=0.0)


@dataclass(frozen=True)
class Turn:
    """One turn of the robot as it was heard.

    begin, end: when it could be heard [s]; ``interrupted`` when it was cut short.
    """

    turn_id: int
    begin: float
    end: float
    text: str
    proactive: bool
    interrupted: bool


def turns_of(observation: Observation) -> list[Turn]:
    """Return the turns in order of their begin, timed by what was really played.

    A turn in which nothing was said is none.
    """
    turns = []
    for turn_id in sorted({piece.turn_id for piece in observation.speech}):
        pieces = [piece for piece in observation.speech if piece.turn_id == turn_id]
        begin, end = _heard_span(observation, turn_id, pieces)
        text = ' '.join(piece.text for piece in pieces if piece.text)
        if not text and not any(len(piece.samples) for piece in pieces):
            continue
        cut = any(_cuts(i, turn_id, end) for i in observation.interruptions)
        turns.append(Turn(turn_id, begin, end, text, pieces[0].proactive, cut))
    return turns


def cuts_of(observation: Observation) -> list[InterruptionSeen]:
    """Return the interruptions that cut a turn short; others came when nothing was left."""
    turns = turns_of(observation)
    return [
        interruption
        for interruption in observation.interruptions
        if any(_cuts(interruption, turn.turn_id, turn.end) for turn in turns)
    ]


def _cuts(interruption: InterruptionSeen, turn_id: int, end: float) -> bool:
    right_turn = interruption.stage is Stage.CONFIRM and interruption.turn_id == turn_id
    return right_turn and interruption.time <= end + LONGEST_PAUSE


def _heard_span(
    observation: Observation, turn_id: int, pieces: list[SpeechSeen]
) -> tuple[float, float]:
    heard = [p for p in observation.playback if p.turn_id == turn_id and p.played > 0.0]
    if heard:
        return heard[0].time - heard[0].played, max(p.time for p in heard if _moves(p, heard))
    length = sum(len(piece.samples) / piece.rate for piece in pieces)
    return pieces[0].time, pieces[0].time + length


def _moves(seen: PlaybackSeen, heard: list[PlaybackSeen]) -> bool:
    """Return whether playback had not reached its last position before ``seen``."""
    last = max(p.played for p in heard)
    first_at_last = next(p for p in heard if p.played == last)
    return seen.time <= first_at_last.time
