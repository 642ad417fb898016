# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""State of an emergency stop that may fall silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass
class EmergencyStop:
    """Remembers the last word and how old it is.

    required: an unknown state counts as pressed.
    timeout: age at which the state becomes unknown [s]; 0 for never.
    """

    required: bool = False
    timeout: float = 0.0
    _pressed: Optional[bool] = None
    _seen: float = 0.0

    def update(self, pressed: bool, time: float) -> None:
        """Take in what the robot reports at ``time`` [s]."""
        self._pressed, self._seen = pressed, time

    @property
    def expires(self) -> bool:
        """Return whether the state may become unknown by itself."""
        return self.required and self.timeout > 0.0

    def stopped(self, time: float) -> bool:
        """Return whether the robot must be still at ``time`` [s]."""
        if self._pressed:
            return True
        expired = self.timeout > 0.0 and time - self._seen > self.timeout
        unknown = self._pressed is None or expired
        return self.required and unknown
