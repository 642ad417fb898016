# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Level of what is heard while nobody talks to the robot and the robot is silent."""

from __future__ import annotations

from collections import deque

import numpy as np

UNKNOWN = -120.0


class NoiseFloor:
    """Percentile of the microphone's level, learned only in silence of the robot.

    Frames with speech wait for ``answer_time``: if the robot answers meanwhile they were meant
    for it and are forgotten; otherwise they were a television and belong to the noise.

    :param memory: number of frames looked back at.
    :param answer_time: [s] within which the robot answers what was meant for it.
    :param settle_time: [s] of silence after the robot's own voice before learning begins.
    """

    def __init__(
        self,
        memory: int = 600,
        percentile: float = 80.0,
        answer_time: float = 3.0,
        settle_time: float = 0.5,
    ) -> None:
        self._levels: deque[float] = deque(maxlen=memory)
        self._waiting: deque[tuple[float, float]] = deque(maxlen=memory)
        self._percentile = percentile
        self._answer_time = answer_time
        self._settle_time = settle_time
        self._robot_heard_at = -np.inf
        self._since_update = 0
        self.level = UNKNOWN

    def robot_is_heard(self, time: float) -> None:
        """Note that the loudspeaker plays at this time [s]: nothing is learned from it."""
        self._robot_heard_at = time

    def robot_answers(self) -> list[float]:
        """Forget the speech that the robot now answers and return its levels [dBFS]."""
        levels = [level for _, level in self._waiting]
        self._waiting.clear()
        return levels

    def learn(self, time: float, level: float, speech: bool) -> None:
        """Take one frame in at ``time`` [s] with ``level`` [dBFS]."""
        if time - self._robot_heard_at < self._settle_time:
            return
        if speech:
            self._waiting.append((time, level))
        else:
            self._levels.append(level)
        while self._waiting and time - self._waiting[0][0] > self._answer_time:
            self._levels.append(self._waiting.popleft()[1])
        self._since_update += 1
        if self._levels and (self._since_update >= 8 or self.level == UNKNOWN):
            self._since_update = 0
            self.level = float(np.percentile(np.fromiter(self._levels, float), self._percentile))

    def reset(self) -> None:
        """Forget everything."""
        self._levels.clear()
        self._waiting.clear()
        self._robot_heard_at = -np.inf
        self.level = UNKNOWN
