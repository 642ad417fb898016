# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whom the worker tells what it has done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit


@dataclass(frozen=True)
class WorkerCallbacks:
    """Called in the worker's thread.

    started: just before a unit is processed. finished: a unit gave a result. failed: a unit was
    rejected or the model failed, with a sentence that says why. answered: a question about the
    unit was answered by P(yes), or None.
    """

    started: Callable[[PendingUnit], None]
    finished: Callable[[UnitOutcome], None]
    failed: Callable[[str], None]
    answered: Callable[[str, Optional[float], PendingUnit], None] = lambda *answer: None
