# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scene consists of: seconds of sound and picture, and what is true about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from minicpmo_ros.watch.watch import Severity, Watch

# A detector reports speech a little late and lets go a little later [s].
DETECTION_DELAY = 0.1
DETECTION_HOLD = 0.25


@dataclass(frozen=True)
class Second:
    """Input of one unit: int16 [16000] at 16 kHz, and a JPEG file of its end, empty for none."""

    sound: np.ndarray
    picture: bytes


@dataclass(frozen=True)
class TrueEvent:
    """Something a watch waits for is to be seen from ``begin`` to ``end`` [s].

    counts: false where the watch is cancelled and nothing may be reported.
    """

    watch_id: str
    begin: float
    end: float
    counts: bool = True


@dataclass(frozen=True)
class Talk:
    """A person speaks from ``begin`` to ``end`` [s]."""

    begin: float
    end: float

    def is_detected(self, time: float) -> bool:
        """Return whether the speech detector reports it."""
        return self.begin + DETECTION_DELAY <= time < self.end + DETECTION_HOLD


@dataclass(frozen=True)
class WatchChange:
    """A watch is added (again) or cancelled at ``time`` [s]."""

    time: float
    watch_id: str
    adds: bool


@dataclass
class Truth:
    """What is true about a scene of ``seconds`` length.

    watches: all watches in force from the begin on. promises: the words by which the model
    itself would agree to them.
    """

    name: str
    seconds: int
    watches: list[Watch]
    events: list[TrueEvent] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    changes: list[WatchChange] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)

    def is_talking(self, time: float) -> bool:
        """Return whether a person really speaks."""
        return any(talk.begin <= time < talk.end for talk in self.talks)

    def can_be_heard(self, time: float) -> bool:
        """Return whether a person speaks and has done so for as long as a detector needs."""
        return any(talk.begin + DETECTION_DELAY <= time < talk.end for talk in self.talks)

    def is_detected(self, time: float) -> bool:
        """Return whether the speech detector reports somebody."""
        return any(talk.is_detected(time) for talk in self.talks)

    def happens(self, watch_id: str, time: float) -> bool:
        """Return whether what a watch waits for is to be seen."""
        return any(e.watch_id == watch_id and e.begin <= time < e.end for e in self.events)


class Recording(Protocol):
    """A scene that can be played."""

    truth: Truth

    def seconds(self) -> Iterator[Second]:
        """Yield its seconds in order."""


def watch(watch_id: str, text: str, report: str, severity: Severity = Severity.WARNING) -> Watch:
    """Return a watch as a person would state it."""
    return Watch(watch_id, text, severity=severity, reports=(report,) if report else ())
