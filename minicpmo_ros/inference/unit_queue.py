# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Units that wait for the model."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
import math
from typing import Optional

import numpy as np

# Share of a unit with detected speech that counts as somebody having spoken.
SPOKEN_FRACTION = 0.1


@dataclass(frozen=True)
class PendingUnit:
    """One unit as it came in, not yet decoded.

    audio: int16 [16000], mono at 16 kHz. images: JPEG or PNG files, newest last.
    Times are nanoseconds of the clock of the stamps; ``arrival`` is monotonic [s].
    """

    index: int
    audio: np.ndarray
    begin: int
    end: int
    arrival: float
    images: tuple[bytes, ...] = ()
    image_stamp: int = 0
    user_speaking: bool = False
    speech_fraction: float = float('nan')
    images_dropped: int = 0

    @property
    def has_speech(self) -> bool:
        """Return whether somebody spoke in it, which counts as so when nobody can tell."""
        unknown = math.isnan(self.speech_fraction)
        return self.user_speaking or unknown or self.speech_fraction >= SPOKEN_FRACTION

    def without_images(self, keep: Optional[int] = 0) -> PendingUnit:
        """Return the unit with only its ``keep`` newest pictures; None keeps all."""
        if keep is None or len(self.images) <= keep:
            return self
        kept = self.images[len(self.images) - keep :]
        dropped = self.images_dropped + len(self.images) - keep
        return replace(self, images=kept, images_dropped=dropped)


@dataclass
class UnitQueue:
    """First in, first out; nothing is lost below its bound.

    What is left out of units to catch up is decided in ``load_shedding``. Only when ``capacity``
    units wait, which means the machine cannot run this model at all, the oldest one is lost;
    ``lost`` counts that and the node reports it as an error.
    """

    capacity: int = 30
    lost: int = 0
    _units: deque[PendingUnit] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self._units)

    def put(self, unit: PendingUnit) -> None:
        """Append a unit."""
        if len(self._units) >= self.capacity:
            self._units.popleft()
            self.lost += 1
        self._units.append(unit)

    def first(self) -> Optional[PendingUnit]:
        """Return the oldest unit, which stays."""
        return self._units[0] if self._units else None

    def take(self) -> Optional[PendingUnit]:
        """Remove and return the oldest unit."""
        return self._units.popleft() if self._units else None

    def clear(self) -> int:
        """Forget all waiting units and return how many there were."""
        count = len(self._units)
        self._units.clear()
        return count
