# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A unit made ready for the model: what is left out of it is decided, its pictures are decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minicpmo.protocol import Unit
from minicpmo_ros.inference.begin_rule import Begin
from minicpmo_ros.inference.load_shedding import Shedding
from minicpmo_ros.inference.picture import readable_pictures
from minicpmo_ros.inference.unit_queue import PendingUnit
from minicpmo_ros.message_bytes import to_float32


@dataclass(frozen=True)
class PreparedUnit:
    """A unit as the model is given it.

    source: the unit as it waited. pending: the same without the pictures that are left out.
    shed: how many those are. audio: float32 [16000]. pictures: uint8 [height, width, 3] each.
    seconds: time that was spent on it before its turn came.
    """

    source: PendingUnit
    pending: PendingUnit
    shedding: Shedding
    audio: np.ndarray
    pictures: tuple[np.ndarray, ...]
    shed: int = 0
    seconds: float = 0.0

    @classmethod
    def prepare(
        cls,
        source: PendingUnit,
        shedding: Shedding,
        camera: bool,
        vision: bool,
        report: Callable[[str], None],
    ) -> PreparedUnit:
        """Decide and decode.

        camera: whether the user lets pictures through. vision: whether the model takes any.
        report: called with a sentence about every picture that cannot be decoded.
        """
        allowed = source if camera else source.without_images()
        pending = allowed.without_images(shedding.pictures)
        files = pending.images if vision else ()
        pictures = readable_pictures(files, shedding.longest_side, report)
        shed = len(allowed.images) - len(pending.images)
        return cls(source, pending, shedding, to_float32(pending.audio), pictures, shed)

    def without_pictures(self) -> PreparedUnit:
        """Return the unit without pictures, as after the camera was switched off."""
        return replace(self, pending=self.pending.without_images(), pictures=())

    def unit(self, index: int, begin: Begin, notes: tuple[str, ...] = ()) -> Unit:
        """Return what the session takes; sound and pictures are the same objects every time."""
        return Unit(
            index,
            self.audio,
            self.pictures,
            force_listen=begin in (Begin.HELD_BACK, Begin.UNASKED),
            begin_turn=begin is Begin.OWED,
            max_slices=self.shedding.max_slices,
            notes=notes,
            flow_stride=self.shedding.flow_stride,
            text_only=self.shedding.text_only,
        )
