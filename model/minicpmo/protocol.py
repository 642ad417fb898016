# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a full-duplex backend takes and gives: the border between engine and nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
import enum
from typing import Optional, Protocol, runtime_checkable

import numpy as np

UNIT_SECONDS = 1.0
INPUT_SAMPLE_RATE = 16000


class Decision(enum.Enum):
    """What the model chose for one unit."""

    LISTEN = 'listen'
    SPEAK = 'speak'


class YieldPolicy(enum.Enum):
    """Who decides whether an open turn may be given up for listening.

    REFERENCE: nobody, as in the official code (a mid-turn listen becomes a speech token).
    MODEL: the model; a mid-turn listen closes the turn.
    """

    REFERENCE = 'reference'
    MODEL = 'model'


@dataclass(frozen=True)
class Unit:
    """One second of input.

    audio: float32 [16000], mono at 16 kHz in [-1, 1], or None (picture only).
    images: uint8 arrays [height, width, 3], RGB, oldest first.
    begin_turn: begin a turn if none is open, without asking the model whether it wants to: it
        wanted to in an earlier unit, in which it was made to listen. Other words are its own.
    notes: lines of text for the model's context, fed before the pictures.
    flow_stride: compute only every so many-th step of the flow that makes the sound (1, 2 or 4);
        other voices ignore it. Within a turn it can only grow; a smaller one counts from the next.
    text_only: make no speech. A turn that was silent once stays silent to its end.
    """

    index: int
    audio: Optional[np.ndarray]
    images: tuple[np.ndarray, ...] = ()
    force_listen: bool = False
    begin_turn: bool = False
    max_slices: Optional[int] = None
    notes: tuple[str, ...] = ()
    flow_stride: int = 1
    text_only: bool = False


@dataclass(frozen=True)
class Heard:
    """What the listener really heard of the open turn when it was cut.

    seconds: length of the speech really played since the turn began.
    text: the same as words where the caller knows them; otherwise the engine estimates them.
    """

    seconds: float
    text: Optional[str] = None


@dataclass
class UnitTimings:
    """Seconds spent on one unit, by stage."""

    vision: float = 0.0
    audio: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    speech: float = 0.0

    @property
    def total(self) -> float:
        """Return the sum of all stages [s]."""
        return self.vision + self.audio + self.prefill + self.decode + self.speech


@dataclass
class UnitResult:
    """What one unit produced.

    text: decoded in this unit, special tokens removed.
    speech: float32 [samples] at ``sample_rate`` or None; never mixed from two turns.
    end_of_turn: the model finished its turn in this unit.
    yielded: an open turn was given up by the model itself (YieldPolicy.MODEL).
    turn_open: a turn is open after this unit.
    wanted_to_speak: it was forced to listen and would have begun a turn.
    given_words: what is said here was given to ``Session.say``, not chosen by the model.
    context_tokens: length of the key/value cache after the unit.
    """

    index: int
    decision: Decision
    text: str = ''
    token_ids: list[int] = field(default_factory=list)
    speech: Optional[np.ndarray] = None
    sample_rate: int = 24000
    end_of_turn: bool = False
    yielded: bool = False
    turn_open: bool = False
    forced_listen: bool = False
    wanted_to_speak: bool = False
    given_words: bool = False
    context_tokens: int = 0
    timings: UnitTimings = field(default_factory=UnitTimings)


@dataclass(frozen=True)
class Capabilities:
    """What a backend can honestly do; nodes adapt to it.

    execution: in words, on what and how the newest session runs.
    says_given_words: its sessions have ``say``. context_notes: it reads ``Unit.notes``.
    """

    name: str
    full_duplex: bool
    vision: bool
    audio: bool
    speech: bool
    proactive: bool
    yes_no_questions: bool
    model_id: str = ''
    execution: str = ''
    says_given_words: bool = False
    context_notes: bool = True


class Session(Protocol):
    """One endless conversation. Not thread safe: one worker owns it.

    flow_steps: steps in which a second of speech is made, 0 where ``flow_stride`` saves nothing.
    """

    flow_steps: int

    def step(self, unit: Unit) -> UnitResult:
        """Process one unit; raises InputError and stays usable when the unit is bad."""

    def say(self, text: str) -> None:
        """Say a text word for word in a turn that begins with the next unit, with its own voice.

        A unit that forces listening puts the begin off. Raises InputError for a text that cannot
        be said and SessionStateError while a turn is open.
        """

    def interrupt(self, heard: Heard) -> None:
        """Close the open turn so that the next unit is well formed; a no-op without one."""

    def take_back(self) -> None:
        """Undo the answer of the newest unit, which began a turn: it listened instead.

        Raises SessionStateError when no turn began in it.
        """

    def ask_yes_no(self, question: str) -> Optional[float]:
        """Return P(yes) for a question about now without changing the session, None if unable."""

    def reset(self) -> None:
        """Begin a new conversation with the same instruction and voice."""

    def close(self) -> None:
        """Free what belongs to this session; idempotent."""


@runtime_checkable
class LookAheadSession(Session, Protocol):
    """A session that can hear the next unit while the speech of one is being made.

    ``begin``, then ``finish``, do together what ``step`` does; ``prefetch`` may stand in between.

    speech_under_way: between ``begin`` and ``finish``, whether the device makes speech while the
        host is free; only then does ``prefetch`` save time.
    """

    speech_under_way: bool

    def begin(self, unit: Unit) -> None:
        """Take in and answer a unit; raises as ``step``."""

    def prefetch(self, unit: Unit) -> None:
        """Encode sound and pictures of the next unit; ``begin`` knows them by being the same.

        Other fields may change until then. Raises InputError for a unit that cannot be used.
        """

    def finish(self) -> UnitResult:
        """Wait for the speech of the unit that was begun and return its result."""


class Backend(Protocol):
    """Loaded weights that many sessions share."""

    capabilities: Capabilities

    def prepare(self, system_prompt: Optional[str] = None, **options: object) -> Session:
        """Return a new session; options are those of the backend."""
