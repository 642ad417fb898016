# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a duplex session stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Optional

import numpy as np

from minicpmo.errors import InputError
from minicpmo.protocol import Unit, UnitTimings
from minicpmo.unit_decoder import DecodedUnit
from minicpmo.unit_input import EncodedInput

Sound = Callable[[], np.ndarray]
"""Waits for the speech of a unit and returns it."""


@dataclass
class BegunUnit:
    """A unit that is answered, its speech under way.

    rows: how many its input had.
    """

    unit: Unit
    rows: int
    timings: UnitTimings
    decoded: DecodedUnit
    sound: Optional[Sound]


@dataclass
class DuplexState:
    """Where the session stands.

    last_index: index of the newest accepted unit, None before the first one.
    units: number of accepted units.
    last_unit: the newest unit's answer with its ids, None before the first one.
    silent_turn: no speech is made until the turn ends.
    ahead: what of the next unit was encoded ahead. begun: the unit that waits for ``finish``.
    """

    last_index: Optional[int] = None
    units: int = 0
    turn_open: bool = False
    last_unit: Optional[DecodedUnit] = None
    silent_turn: bool = False
    ahead: Optional[EncodedInput] = None
    begun: Optional[BegunUnit] = None

    def require_next(self, unit: Unit) -> None:
        """Raise InputError for a unit that does not come after the newest one."""
        if not isinstance(unit.index, Integral):
            raise InputError(f'the index of a unit is {unit.index!r}; pass a whole number')
        last = self.last_index
        if last is not None and unit.index <= last:
            raise InputError(f'unit {unit.index} comes after unit {last}; pass units in order')

    def reset(self) -> None:
        """Begin a new conversation."""
        self.last_index, self.units, self.turn_open, self.last_unit = None, 0, False, None
        self.silent_turn = False
        self.ahead = self.begun = None
