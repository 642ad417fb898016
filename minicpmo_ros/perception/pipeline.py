# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything perception knows about its streams, without ROS: sound, frames and marks to units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Optional

from .aligned_unit import AlignedUnit
from .aligner_configuration import AlignerConfiguration
from .audio_message import Sound
from .frame_selector import FrameFate, Payload
from .microphone_stream import MicrophoneStream
from .rejection_log import RejectionLog
from .unit_aligner import UnitAligner

# Stamps this far ahead of ROS time are a wrong clock somewhere, not latency [s].
FUTURE_SECONDS = 1.0
FRAME_PROBLEMS = {
    FrameFate.DUPLICATE: 'a frame with the stamp of another one; two publishers?',
    FrameFate.LATE: 'a frame whose unit is over',
    FrameFate.FUTURE: 'a frame with a stamp in the future of the units',
}
SOUND_PROBLEMS = {
    'duplicate': 'the same block of sound twice; two publishers?',
    'late': 'a block of sound whose time is over; two publishers?',
    'overlap': 'a block of sound that overlaps the one before; two publishers?',
    'stray': 'a block of sound with a stamp at another time',
    'gaps': 'sound is missing and was replaced by silence',
    'jumps': 'the stamps of the sound jumped to another time',
    'shifts': 'the stamps of the sound stepped back',
}


@dataclass(frozen=True)
class Topics:
    """Names for reports."""

    image: str
    audio: str


class PerceptionPipeline(Generic[Payload]):
    """Owned by one thread. Problems go to the rejection log, units are returned."""

    def __init__(
        self, configuration: AlignerConfiguration, topics: Topics, rejections: RejectionLog
    ) -> None:
        self.aligner: UnitAligner[Payload] = UnitAligner(configuration)
        self.microphone = MicrophoneStream()
        self.stamp_age = float('nan')
        self._topics = topics
        self._rejections = rejections
        self._reported: dict[str, int] = {}

    def push_sound(
        self, stamp: Optional[float], sound: Sound, now: float
    ) -> list[AlignedUnit[Payload]]:
        """Take a block of sound, its stamp None when it has none; return finished units [s]."""
        length = sound.samples.size / sound.rate
        if stamp is None:
            stamp = now - length
        stamp, samples = self.microphone.convert(stamp, sound)
        if not samples.size:
            return []
        self.stamp_age = now - stamp - length
        if not self.aligner.audio.clock.anchored and self.stamp_age < -FUTURE_SECONDS:
            self._note_sound(f'stamps are {-self.stamp_age:.1f} s ahead of ROS time')
        units = self.aligner.push_audio(stamp, samples, now)
        self._report_sound()
        return units

    def push_frame(
        self, stamp: Optional[float], payload: Payload, now: float
    ) -> list[AlignedUnit[Payload]]:
        """Take a frame, its stamp None when it has none; return finished units [s]."""
        fate, units = self.aligner.push_frame(now if stamp is None else stamp, payload, now)
        if fate in FRAME_PROBLEMS:
            self._rejections.note(self._topics.image, FRAME_PROBLEMS[fate])
        return units

    def push_speech(self, stamp: float, active: bool, now: float) -> list[AlignedUnit[Payload]]:
        """Take a mark of the speech detector; return the unit it closes early, if any."""
        return self.aligner.push_speech(stamp, active, now)

    def poll(self, now: float) -> list[AlignedUnit[Payload]]:
        """Return the units that time alone completes."""
        return self.aligner.poll(now)

    def _report_sound(self) -> None:
        count = self.aligner.audio.count
        for name, problem in SOUND_PROBLEMS.items():
            value = getattr(count, name)
            if value != self._reported.get(name, 0):
                self._reported[name] = value
                self._note_sound(problem)

    def _note_sound(self, problem: str) -> None:
        self._rejections.note(self._topics.audio, problem)
