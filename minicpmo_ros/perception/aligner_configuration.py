# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How units are made of sound and pictures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AlignerConfiguration:
    """How units are made.

    images_per_unit: at most so many pictures in a unit; 0 for none.
    use_audio: whether sound is expected; without it the frames' stamps drive the units.
    audio_timeout: units go on with silence when no sound came for so long [s]; 0: they wait.
    idle_timeout: units stop when nothing at all came for so long [s]; 0: they never stop.
    max_gap: longest silence put in for missing sound; a larger step is a jump of time [s].
    late_tolerance: a frame this much older than the open unit may still join it [s].
    close_on_speech_end: end a unit when speech ends, filled up with silence.
    min_early_fill: a unit is closed early as soon as it has at least this much sound in it [s].
    frame_lead: frames of a unit are final so long before its end [s].
    """

    images_per_unit: int = 1
    use_audio: bool = True
    audio_timeout: float = 1.0
    idle_timeout: float = 30.0
    max_gap: float = 5.0
    late_tolerance: float = 0.5
    close_on_speech_end: bool = False
    min_early_fill: float = 0.2
    frame_lead: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.images_per_unit <= 16:
            raise ValueError(f'images_per_unit is {self.images_per_unit}, must be 0..16')
        for name in ('audio_timeout', 'idle_timeout', 'late_tolerance'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} is {getattr(self, name)} s, must not be negative')
        if not self.max_gap > 0:
            raise ValueError(f'max_gap is {self.max_gap} s, must be positive')
        if not 0 <= self.frame_lead < 1:
            raise ValueError(f'frame_lead is {self.frame_lead} s, must be less than a unit')
        if not 0 <= self.min_early_fill <= 1:
            raise ValueError(f'min_early_fill is {self.min_early_fill} s, must be 0..1')
