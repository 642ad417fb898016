# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""May the model begin to speak in this unit? Not while a person speaks; perhaps only if asked."""

from __future__ import annotations

from dataclasses import dataclass
import math

from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.unit_queue import PendingUnit

NANOSECONDS = 1e9


@dataclass
class BeginRule:
    """Holds back the begin of a turn; turns that are open are the business of barge-in.

    While a person speaks the model only listens, and decides anew in the next unit: what it sees
    is still there then. A voice that never pauses, such as a television's, is waited for no longer
    than ``patience`` [s]; 0 switches that off.

    unasked_turns: the model may speak of its own accord. Else a turn begins only within
        ``asked_window`` [s] of speech, or with given words.
    held: units in a row that were held back so far, because somebody spoke.
    """

    patience: float = 10.0
    unasked_turns: bool = True
    asked_window: float = 4.0
    held: int = 0
    _last_speech: float = -math.inf

    def follow(self, parameters: InferenceParameters) -> None:
        """Take over what the node's parameters say."""
        self.patience = parameters.begin_patience
        self.unasked_turns = parameters.unasked_turns
        self.asked_window = parameters.asked_window

    def forces_listening(self, unit: PendingUnit, turn_open: bool) -> bool:
        """Return whether no turn may begin in this unit, because a person speaks."""
        if turn_open or not unit.user_speaking:
            self.held = 0
            return False
        self.held += 1
        return self.held * (unit.end - unit.begin) / NANOSECONDS <= self.patience

    def waits_for_request(self, unit: PendingUnit, turn_open: bool) -> bool:
        """Return whether the model may not begin by itself, because nobody asked anything."""
        if unit.has_speech:
            self._last_speech = unit.end
        if self.unasked_turns or turn_open:
            return False
        return unit.end - self._last_speech > self.asked_window * NANOSECONDS
