# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the thread that owns the model counts."""

from __future__ import annotations

from dataclasses import dataclass

# After so many failing units in a row the session is given up until it is reset.
MOST_FAILURES = 3


@dataclass
class WorkerState:
    """What the worker counts; read by diagnostics."""

    units: int = 0
    rejected: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_error: str = ''
    paused: bool = False
    pictures_shed: int = 0

    @property
    def failed(self) -> bool:
        """Return whether the session was given up."""
        return self.failures_in_a_row >= MOST_FAILURES
