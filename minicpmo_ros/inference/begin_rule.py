# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""May the model begin to speak in this unit? Not while a person speaks."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.inference.unit_queue import PendingUnit

NANOSECONDS = 1e9


@dataclass
class BeginRule:
    """Holds back the begin of a turn, asked or not, until the person pauses.

    The model only listens in such a unit and decides anew in the next one: what it sees is still
    there then. Turns that are open are the business of barge-in. A voice that never pauses, such
    as a television's, is waited for no longer than ``patience`` [s]; 0 switches the rule off.

    held: units in a row that were held back so far.
    """

    patience: float = 10.0
    held: int = 0

    def forces_listening(self, unit: PendingUnit, turn_open: bool) -> bool:
        """Return whether no turn may begin in this unit."""
        if turn_open or not unit.user_speaking:
            self.held = 0
            return False
        self.held += 1
        return self.held * (unit.end - unit.begin) / NANOSECONDS <= self.patience
