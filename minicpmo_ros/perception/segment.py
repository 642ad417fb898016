# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pieces of a gapless stream of sound and the account of its samples."""

from __future__ import annotations

from dataclasses import dataclass
import enum
from typing import Optional

import numpy as np


class SegmentKind(enum.Enum):
    """Where the samples of a segment come from."""

    SAMPLES = 'samples'
    GAP = 'gap'  # silence for samples that never arrived
    JUMP = 'jump'  # no samples: the time of the stream changed


@dataclass(frozen=True)
class Segment:
    """The next piece of the stream.

    samples: int16 [n]; silence: number of zeros where there are no samples.
    """

    kind: SegmentKind
    samples: Optional[np.ndarray] = None
    silence: int = 0

    @property
    def size(self) -> int:
        """Return the number of samples by which the stream advances."""
        return self.silence if self.samples is None else self.samples.size


@dataclass
class TimelineCount:
    """What became of every sample, so that nothing is lost without a trace (in samples).

    received = joined + held + duplicate + late + overlap + stray

    held: waits for earlier samples. duplicate: the same block came twice. late: its time was
    filled with silence, or it belongs to another publisher. overlap: partly known already.
    stray: a lone block at another time. gap: silence that was put in.
    """

    received: int = 0
    joined: int = 0
    held: int = 0
    duplicate: int = 0
    late: int = 0
    overlap: int = 0
    stray: int = 0
    gap: int = 0
    gaps: int = 0
    jumps: int = 0
    shifts: int = 0

    @property
    def dropped(self) -> int:
        """Return the samples that did not enter the stream."""
        return self.duplicate + self.late + self.overlap + self.stray
