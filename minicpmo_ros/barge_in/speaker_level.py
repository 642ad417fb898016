# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How loud the people are that talk to the robot."""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

# Fewer frames than this are a word that may have been cut [32 ms each].
FEWEST_FRAMES = 12
PERCENTILE = 80.0


class SpeakerLevel:
    """Level of the speech that the robot has answered last."""

    def __init__(self) -> None:
        self.reset()

    def learn(self, time: float, levels: Sequence[float]) -> None:
        """Take in the speech frames before an answer at ``time`` [s], as levels [dBFS]."""
        if len(levels) >= FEWEST_FRAMES:
            self._level = float(np.percentile(levels, PERCENTILE))
            self._time = time

    def at(self, time: float, memory: float) -> float:
        """Return the level [dBFS], minus infinity when it is unknown or ``memory`` [s] old."""
        return self._level if time - self._time <= memory else -math.inf

    def reset(self) -> None:
        """Forget it."""
        self._level = -math.inf
        self._time = -math.inf
