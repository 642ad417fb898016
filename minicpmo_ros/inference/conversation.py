# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who speaks, since when and in which epoch: turns and interruptions under one lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import threading
from typing import Optional

from minicpmo_ros.epoch_gate import EpochGate
from minicpmo_ros.inference.turn_tracker import TurnOutput, TurnTracker
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit


@dataclass
class Conversation:
    """State of the running conversation, changed by the worker and by interruptions.

    Outputs are handed to ``publish`` while the lock is held: after an interruption was taken in,
    nothing of a voided epoch can leave.
    """

    publish: Callable[[TurnOutput, PendingUnit], None]
    gate: EpochGate = field(default_factory=EpochGate)
    tracker: TurnTracker = field(default_factory=TurnTracker)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _step_epoch: int = 0

    @property
    def speaking(self) -> bool:
        """Return whether a turn is open."""
        return self.tracker.open

    @property
    def turn_id(self) -> int:
        """Return the number of the open, or last, turn."""
        return self.tracker.turn_id

    def start_unit(self, unit: PendingUnit) -> None:
        """Remember in which epoch the model begins a unit."""
        with self._lock:
            self._step_epoch = self.gate.current

    def finish_unit(self, outcome: UnitOutcome) -> Optional[TurnOutput]:
        """Publish what the unit adds; None when an interruption voided it meanwhile."""
        with self._lock:
            if not self.gate.admits(self._step_epoch):
                return None
            output = self.tracker.add(outcome.result, self._step_epoch, outcome.asked)
            if output.began or output.ended or output.speech or output.text:
                self.publish(output, outcome.unit)
            if output.yielded:
                self.gate.void(output.epoch)
            return output

    def interrupt(self, epoch: int) -> tuple[bool, Optional[TurnOutput]]:
        """Void ``epoch``; return whether that was new, and the turn that it cut short if any."""
        with self._lock:
            changed = self.gate.void(epoch)
            return changed, self.tracker.cut() if changed else None

    def reset(self) -> int:
        """Void everything said so far; return the voided epoch."""
        with self._lock:
            epoch = self.gate.current
            self.gate.void(epoch)
            self.tracker.cut()
            return epoch
