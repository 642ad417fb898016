# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What became of one unit."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo.protocol import UnitResult
from minicpmo_ros.inference.load_shedding import Shedding
from minicpmo_ros.inference.unit_queue import PendingUnit


@dataclass(frozen=True)
class UnitOutcome:
    """One processed unit, as the model was given it; times are seconds.

    total_time: includes what was done for this unit ahead, not what was done for the next one.
    asked: somebody spoke in it or shortly before, so a turn that begins in it is an answer.
    """

    unit: PendingUnit
    result: UnitResult
    queue_time: float
    total_time: float
    units_behind: int
    shedding: Shedding = Shedding()
    asked: bool = True
