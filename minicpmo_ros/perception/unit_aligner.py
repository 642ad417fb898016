# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cuts sound and pictures into units of one second on the clock of the microphone."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Generic, Optional

import numpy as np

from .aligned_unit import AlignedUnit
from .aligner_configuration import AlignerConfiguration
from .audio_timeline import AudioTimeline
from .frame_selector import Frame, FrameFate, FrameSelector, Payload
from .segment import Segment, SegmentKind
from .speech_activity import SpeechActivity

SAMPLE_RATE = 16000
UNIT_SAMPLES = 16000
UNIT_SECONDS = UNIT_SAMPLES / SAMPLE_RATE
# Silence for a lost microphone ends this long ago, so that its next block still fits.
FILL_LAG = 0.2
# So many frames in a row must agree that time jumped while there is no sound.
STRAY_FRAMES = 3
# Begin and end of a unit are told by one line; a larger step means the line moved [s].
LINE_STEP = 0.05


@dataclass
class AlignerState:
    """The open unit and when something last arrived (ROS time [s]).

    position: number of the stream's samples that went into units and the open one.
    begin: time of the open unit's first sample. silent: silence stands in for the microphone.
    closing: speech has ended in the open unit, which closes as soon as it holds enough.
    first_frame: stamp and arrival of the first frame, while units have not begun.
    """

    position: int = 0
    fill: int = 0
    silence: int = 0
    begin: Optional[float] = None
    silent: bool = False
    closing: bool = False
    stray_frames: int = 0
    last_audio: Optional[float] = None
    last_arrival: Optional[float] = None
    first_frame: Optional[tuple[float, float]] = None


class UnitAligner(Generic[Payload]):
    """Takes sound, frames and speech marks in any order and returns finished units.

    Not thread safe: one thread owns it. ``now`` is the ROS time of arrival [s]. Work per call and
    memory are bounded. No sample gets lost unseen: at any time ``units * 16000 + fill =
    audio.count.joined + audio.count.gap + added_silence - discarded``.
    """

    def __init__(self, configuration: AlignerConfiguration):
        self.configuration = configuration
        self.audio = AudioTimeline(SAMPLE_RATE, configuration.max_gap)
        self.frames: FrameSelector[Payload] = FrameSelector(
            configuration.images_per_unit, configuration.late_tolerance
        )
        self.speech = SpeechActivity()
        self.units = 0
        self.added_silence = 0
        self.discarded = 0
        self.state = AlignerState()
        self._buffer = np.zeros(UNIT_SAMPLES, np.int16)

    def reset(self) -> None:
        """Drop the open unit and all that waits, e.g. when ROS time jumped. Indices go on."""
        self.discarded += self.state.fill
        self.audio.reset()
        self.frames.reset()
        self.speech.reset()
        self.state = AlignerState()

    def configure(self, configuration: AlignerConfiguration) -> None:
        """Go on with another configuration from the open unit on.

        An end of speech that waits to close it was judged by the former one and is forgotten.
        """
        self.configuration = configuration
        self.state.closing = False
        self.audio.max_gap = configuration.max_gap
        self.frames.images_per_unit = configuration.images_per_unit
        self.frames.late_tolerance = configuration.late_tolerance

    @property
    def drives_itself(self) -> bool:
        """Return whether time, and not sound, completes units now, so that polling matters."""
        return self.state.silent or not self.configuration.use_audio

    def push_audio(
        self, stamp: float, samples: np.ndarray, now: float
    ) -> list[AlignedUnit[Payload]]:
        """Take a block, int16 [n] mono at 16 kHz; return the units it completes."""
        self.state.last_audio = self.state.last_arrival = now
        self.state.silent = False
        units = self._advance(self.audio.push(stamp, samples))
        return units + self._close_early(now)

    def push_frame(
        self, stamp: float, payload: Payload, now: float
    ) -> tuple[FrameFate, list[AlignedUnit[Payload]]]:
        """Take a frame; return what became of it and, without sound, the units it completes."""
        state, frame = self.state, Frame(stamp, payload)
        state.last_arrival = now
        if not self.audio.clock.anchored:
            if state.first_frame is None:
                state.first_frame = (stamp, now)
            begin = min(stamp, state.first_frame[0])
            return self.frames.offer(frame, begin, begin + UNIT_SECONDS), self.poll(now)
        units = self._follow_frames(stamp, now) if self.drives_itself else []
        begin = self._begin()
        return self.frames.offer(frame, begin, begin + UNIT_SECONDS), units

    def freeze_frames(self) -> tuple[Frame[Payload], ...]:
        """Return the frames of the open unit, once, when it lacks no more than ``frame_lead``.

        They will not change any more, so their pictures can be prepared while sound arrives.
        """
        begin = self.state.begin
        if begin is None or self.frames.frozen:
            return ()
        if self.state.fill < UNIT_SAMPLES - self.configuration.frame_lead * SAMPLE_RATE:
            return ()
        return self.frames.freeze(begin, begin + UNIT_SECONDS)

    def push_speech(self, stamp: float, active: bool, now: float) -> list[AlignedUnit[Payload]]:
        """Take a mark of the speech detector; return the unit it closes early, if any.

        A unit that has only begun closes a little later, when it holds ``min_early_fill``, unless
        the person goes on: most requests end so close to the end of a unit that they are known
        to be over only in the next one.
        """
        ended = self.speech.mark(stamp, active)
        if active:
            self.state.closing = False
        elif ended and self.configuration.close_on_speech_end:
            self.state.closing = True
        return self._close_early(now)

    def _close_early(self, now: float) -> list[AlignedUnit[Payload]]:
        """Return the open unit if speech has ended in it and it holds enough sound."""
        enough = self.state.fill >= max(self.configuration.min_early_fill * SAMPLE_RATE, 1)
        if not (self.state.closing and enough):
            return []
        # Frames run ahead of the sound by the length of a block; the newest one is welcome here.
        return [self._close(frames_until=now)]

    def poll(self, now: float) -> list[AlignedUnit[Payload]]:
        """Return the units that silence completes because no sound arrives any more."""
        configuration, state = self.configuration, self.state
        if not self.audio.clock.anchored and not self._begin_without_audio(now):
            return []
        if state.last_audio is None or self._idle(now):
            return []
        since = now - state.last_audio
        timeout = configuration.audio_timeout if configuration.use_audio else FILL_LAG
        if not state.silent and (timeout <= 0 or since <= timeout):
            return []
        state.silent = True
        return self._fill(since - FILL_LAG, now)

    def _idle(self, now: float) -> bool:
        timeout, last = self.configuration.idle_timeout, self.state.last_arrival
        return timeout > 0 and last is not None and now - last > timeout

    def _begin_without_audio(self, now: float) -> bool:
        """Begin the units at the first frame once sound is overdue; return whether they began."""
        configuration, first = self.configuration, self.state.first_frame
        if first is None:
            return False
        stamp, arrival = first
        if configuration.use_audio:
            timeout = configuration.audio_timeout
            if timeout <= 0 or now - arrival <= timeout:
                return False
        self.audio.anchor(stamp)
        self.state.last_audio = arrival
        return True

    def _follow_frames(self, stamp: float, now: float) -> list[AlignedUnit[Payload]]:
        """Let silence run up to the time of a frame while frames are the only clock."""
        ahead = stamp - self.audio.next_time
        if abs(ahead) <= self.configuration.max_gap:
            self.state.stray_frames = 0
            return self._fill(ahead, now)
        self.state.stray_frames += 1
        if self.state.stray_frames < STRAY_FRAMES:
            return []
        self.state.stray_frames = 0
        return self._jump_to(stamp, now)

    def _fill(self, seconds: float, now: float) -> list[AlignedUnit[Payload]]:
        """Advance by this much time with what is held back and with silence."""
        if seconds > self.configuration.max_gap:
            return self._jump_to(self.audio.next_time + seconds, now - FILL_LAG)
        samples = int(seconds * SAMPLE_RATE)
        if samples <= 0:
            return []
        covered = (self.state.last_audio or now) + samples / SAMPLE_RATE
        self.state.last_audio = min(covered, now)
        return self._advance(self.audio.insert_silence(samples))

    def _jump_to(self, stamp: float, now: float) -> list[AlignedUnit[Payload]]:
        """Go on at another time without sound; return the unit that this cuts off."""
        units = self._jump()
        self.audio.anchor(stamp)
        self.state.last_audio = now
        return units

    def _advance(self, segments: list[Segment]) -> list[AlignedUnit[Payload]]:
        units: list[AlignedUnit[Payload]] = []
        sizes = [segment.size for segment in segments]
        self.state.position = self.audio.state.next_index - sum(sizes)
        for segment, size in zip(segments, sizes, strict=True):
            if segment.kind is SegmentKind.JUMP:
                units += self._jump()
            else:
                units += self._append(segment.samples, size)
        return units

    def _append(self, samples: Optional[np.ndarray], size: int) -> list[AlignedUnit[Payload]]:
        """Copy samples, or silence for None, into the open unit; close it whenever it is full."""
        state, done = self.state, 0
        units = []
        while done < size:
            self._begin()
            take = min(size - done, UNIT_SAMPLES - state.fill)
            target = self._buffer[state.fill : state.fill + take]
            target[:] = 0 if samples is None else samples[done : done + take]
            state.silence += take if samples is None else 0
            state.fill += take
            state.position += take
            done += take
            if state.fill == UNIT_SAMPLES:
                units.append(self._close())
        return units

    def _begin(self) -> float:
        """Return the time of the first sample of the open unit [s]."""
        if self.state.begin is None:
            first = self.state.position - self.state.fill
            self.state.begin = self.audio.clock.time_of(first)
        return self.state.begin

    def _close(
        self, frames_until: float = -math.inf, at_jump: bool = False
    ) -> AlignedUnit[Payload]:
        """Return the open unit, filled up with silence, and open the next at its true end."""
        state = self.state
        begin, length = self._begin(), state.fill / SAMPLE_RATE
        end = begin + length if at_jump else self.audio.clock.time_of(state.position)
        if abs(end - begin - length) > LINE_STEP:
            begin = end - length  # the line through the stamps was corrected meanwhile
        self._buffer[state.fill :] = 0
        frames, dropped = self.frames.take(begin, max(end, frames_until))
        unit = AlignedUnit(
            index=self.units,
            begin=begin,
            end=end,
            audio=self._buffer.copy(),
            frames=frames,
            frames_dropped=dropped,
            inserted_silence=state.silence,
            filled=UNIT_SAMPLES - state.fill,
            user_speaking=self.speech.active_at(end),
            speech_fraction=self.speech.fraction(begin, end),
        )
        self.units += 1
        self.added_silence += unit.filled
        state.fill = state.silence = 0
        state.closing = False
        state.begin = end
        return unit

    def _jump(self) -> list[AlignedUnit[Payload]]:
        """Return the open unit, closed so that no unit spans two times."""
        units = [self._close(at_jump=True)] if self.state.fill else []
        self.state.begin = None
        self.state.closing = False
        self.frames.reset()
        self.speech.reset()
        return units
