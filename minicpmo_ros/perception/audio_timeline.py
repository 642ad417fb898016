# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins stamped blocks of sound to one gapless stream of samples."""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass, field
import itertools

import numpy as np

from .clock_drift import ClockDrift
from .segment import Segment, SegmentKind, TimelineCount

# A block belongs to the end of the stream when its stamp is this close to it: half a block,
# so that the loss of one block is seen, within bounds that suit ordinary schedulers.
TOLERANCE_MIN = 0.004
TOLERANCE_MAX = 0.020
# How long off-line blocks are held back in the hope that an earlier one still arrives.
REORDER_SECONDS = 0.2
# So many blocks must agree before the stream follows them to another time.
JUMP_BLOCKS = 3
# A step back of at most this only corrects the line; a larger one is a jump.
SHIFT_MAX = 1.0
HELD_BLOCKS_MAX = 64
RECENT_STAMPS = 64


@dataclass(eq=False)
class _Block:
    stamp: float
    samples: np.ndarray
    expires: int
    arrival: int


@dataclass
class TimelineState:
    """Position of the stream and the blocks that wait for earlier ones, sorted by stamp.

    waited: samples held back since a block last fitted.
    contention: share of recent blocks that lay beside the stream [0-1].
    """

    next_index: int = 0
    held: list[_Block] = field(default_factory=list)
    waited: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_STAMPS))
    contention: float = 0.0


class AudioTimeline:
    """Decides for every block: next, early, late, double, or the sign of a new time.

    The number of samples is the clock; stamps only say where a block belongs. Work per block is
    bounded because at most ``HELD_BLOCKS_MAX`` blocks wait.
    """

    def __init__(self, sample_rate: int, max_gap: float = 5.0):
        self.sample_rate = sample_rate
        self.max_gap = max_gap
        self.reorder_samples = round(REORDER_SECONDS * sample_rate)
        self.clock = ClockDrift(sample_rate)
        self.count = TimelineCount()
        self.state = TimelineState()

    def reset(self) -> None:
        """Forget the stream; the next block begins a new one. Counts go on."""
        self.count.stray += sum(block.samples.size for block in self.state.held)
        self.count.held = 0
        self.state = TimelineState()
        self.clock.reset()

    @property
    def contested(self) -> bool:
        """Return whether blocks of a second publisher seem to be mixed into the stream."""
        return self.state.contention > 0.3

    @property
    def next_time(self) -> float:
        """Return the time of the sample that comes next [s]."""
        return self.clock.time_of(self.state.next_index)

    def anchor(self, stamp: float) -> None:
        """Begin the stream at this time without a block, for streams of silence [s]."""
        self.clock.anchor(self.state.next_index, stamp)

    def push(self, stamp: float, samples: np.ndarray) -> list[Segment]:
        """Take a block, int16 [n] with n > 0, first sample at ``stamp`` [s]; return what joins."""
        count, state = self.count, self.state
        count.received += samples.size
        if not self.clock.anchored:
            self.clock.anchor(state.next_index, stamp)
        block = _Block(stamp, samples, state.next_index + self.reorder_samples, count.received)
        count.held += samples.size
        if self._is_double(block):
            self._drop(block, 'duplicate')
            return []
        bisect.insort(state.held, block, key=lambda held: held.stamp)
        state.waited += samples.size
        segments: list[Segment] = []
        while self._join_fitting(segments):
            state.waited = 0
        if not state.waited:
            self._expire()
        if state.held and state.waited >= self.reorder_samples:
            self._settle(segments)
        while len(state.held) > HELD_BLOCKS_MAX:
            self._drop(state.held.pop(0), 'stray')
        return segments

    def insert_silence(self, samples: int) -> list[Segment]:
        """Return what joins when no block came for so long: held blocks first, then silence."""
        segments: list[Segment] = []
        before = self.state.next_index
        while self.state.held:
            self._settle(segments, final=True)
        missing = samples - (self.state.next_index - before)
        if missing > 0:
            self._gap(missing, segments)
        return segments

    def _deviation(self, block: _Block) -> float:
        return block.stamp - self.next_time

    def _tolerance(self, block: _Block) -> float:
        half = 0.5 * block.samples.size / self.sample_rate
        return min(max(half, TOLERANCE_MIN), TOLERANCE_MAX)

    def _is_double(self, block: _Block) -> bool:
        """Return whether the same block was taken before."""
        if any(abs(stamp - block.stamp) < 1e-6 for stamp in self.state.recent):
            return True
        return any(
            held.stamp == block.stamp and np.array_equal(held.samples, block.samples)
            for held in self.state.held
        )

    def _join_fitting(self, segments: list[Segment]) -> bool:
        """Join the first block that fits and drop what it proves late; return whether one did."""
        held = self.state.held
        for position, block in enumerate(held):
            if abs(self._deviation(block)) <= self._tolerance(block):
                for late in held[:position]:
                    self._drop_behind(late)
                del held[: position + 1]
                self._join(block, segments)
                return True
        return self._join_complete(segments)

    def _join_complete(self, segments: list[Segment]) -> bool:
        """Join all held blocks when together they just fill the time up to their end.

        Then nothing is missing: the blocks came in a burst and their stamps are late.
        """
        held = self.state.held
        if len(held) < 2 or self._deviation(held[0]) < 0:
            return False
        total = sum(block.samples.size for block in held) / self.sample_rate
        last = held[-1]
        end = self._deviation(last) + last.samples.size / self.sample_rate
        if abs(end - total) > self._tolerance(last):
            return False
        self.state.held = []
        for block in held:
            self._join(block, segments)
        return True

    def _settle(self, segments: list[Segment], final: bool = False) -> None:
        """Decide about held blocks although no block fits: a gap, a jump or an overlap."""
        held = self.state.held
        first = held[0]
        deviation = self._deviation(first)
        wait = len(held) < JUMP_BLOCKS and not final
        if 0 <= deviation <= self.max_gap:
            self._gap(round(deviation * self.sample_rate), segments)
        elif self._run() >= JUMP_BLOCKS:
            self._follow(deviation, segments)
        elif wait:
            return
        elif -first.samples.size < deviation * self.sample_rate < 0:
            self._trim(first, -deviation)
        else:
            # The oldest arrival goes, so that a lone stray block cannot stand in the way.
            oldest = min(held, key=lambda block: block.arrival)
            held.remove(oldest)
            self._drop(oldest, 'late' if self._deviation(oldest) < 0 else 'stray')
        while self._join_fitting(segments):
            self.state.waited = 0
        for block in self.state.held:
            block.expires = self.state.next_index + self.reorder_samples

    def _run(self) -> int:
        """Return how many of the first held blocks follow each other without gap or overlap."""
        for number, (block, following) in enumerate(itertools.pairwise(self.state.held), 1):
            step = following.stamp - block.stamp - block.samples.size / self.sample_rate
            if abs(step) > self._tolerance(block):
                return number
        return len(self.state.held)

    def _follow(self, deviation: float, segments: list[Segment]) -> None:
        """Move the stream to the time the held blocks agree on; no sample is lost."""
        if -SHIFT_MAX <= deviation < 0:
            self.clock.shift(deviation)
            self.count.shifts += 1
            return
        self.clock.anchor(self.state.next_index, self.state.held[0].stamp)
        self.count.jumps += 1
        segments.append(Segment(SegmentKind.JUMP))

    def _trim(self, block: _Block, overlap: float) -> None:
        """Cut what the stream already has off the begin of a block."""
        cut = min(max(round(overlap * self.sample_rate), 1), block.samples.size)
        self.count.overlap += cut
        self.count.held -= cut
        block.samples = block.samples[cut:]
        block.stamp = self.next_time
        if not block.samples.size:
            self.state.held.remove(block)

    def _gap(self, samples: int, segments: list[Segment]) -> None:
        self.count.gap += samples
        self.count.gaps += 1
        self.state.next_index += samples
        segments.append(Segment(SegmentKind.GAP, silence=samples))

    def _join(self, block: _Block, segments: list[Segment]) -> None:
        state = self.state
        self.clock.observe(state.next_index, block.stamp)
        state.recent.append(block.stamp)
        state.next_index += block.samples.size
        state.contention *= 0.95
        self.count.held -= block.samples.size
        self.count.joined += block.samples.size
        segments.append(Segment(SegmentKind.SAMPLES, samples=block.samples))

    def _expire(self) -> None:
        """Drop blocks far ahead that nobody followed."""
        state = self.state
        for block in [held for held in state.held if held.expires < state.next_index]:
            state.held.remove(block)
            self._drop(block, 'stray')

    def _drop_behind(self, block: _Block) -> None:
        end = self._deviation(block) + block.samples.size / self.sample_rate
        self._drop(block, 'overlap' if end > 0 else 'late')

    def _drop(self, block: _Block, reason: str) -> None:
        """Count a held block as dropped for this reason, a field of TimelineCount."""
        self.count.held -= block.samples.size
        setattr(self.count, reason, getattr(self.count, reason) + block.samples.size)
        self.state.contention = 0.95 * self.state.contention + 0.05
