# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The only place where the hot path waits for the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass
class ReadCount:
    """How often a value was fetched from the device since the process began."""

    reads: int = 0


READS = ReadCount()


def read_ids(ids: Tensor) -> list[int]:
    """Return the values of an integer tensor; waits until the device has computed them.

    Everything a session decides on the host comes through here, so that a test can count how often
    it waits.
    """
    READS.reads += 1
    return ids.tolist()


def read_array(values: Tensor) -> np.ndarray:
    """Return a tensor of any type numpy has; waits until the device has computed it."""
    READS.reads += 1
    return values.cpu().numpy()
