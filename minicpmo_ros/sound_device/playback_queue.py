# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech on its way to the loudspeaker: held back, dropped by epoch, paused and flushed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
import threading
from typing import Optional

import numpy as np

from minicpmo_ros.audio.resampler import Resampler
from minicpmo_ros.epoch_gate import EpochGate
from minicpmo_ros.sound_device.playback_pause import PlaybackPause
from minicpmo_ros.sound_device.underrun_counter import UnderrunCounter

# Length of the ramp that avoids a click when the sound is cut or comes back [s].
RAMP_SECONDS = 0.004
# What the device may hold beyond real time [s].
AHEAD_SECONDS = 0.3
# More than any turn needs; a sender that runs wild is cut off here [s].
BACKLOG_SECONDS = 300.0


@dataclass(frozen=True)
class SpeechPiece:
    """A piece of the robot's speech as it arrives.

    samples: float32 [n], mono in [-1, 1], at ``sample_rate`` [Hz].
    offset: of the first sample within the speech of the turn [s].
    last: the turn ends with this piece; it may be empty.
    """

    turn_id: int
    epoch: int
    index: int
    offset: float
    sample_rate: int
    samples: np.ndarray
    last: bool = False


@dataclass(frozen=True)
class PlaybackState:
    """What the loudspeaker does; times in seconds within the speech of the turn."""

    turn_id: int = 0
    epoch: int = 0
    playing: bool = False
    paused: bool = False
    played: float = 0.0
    queued: float = 0.0
    underruns: int = 0  # silences of more than 20 ms inside a turn


@dataclass
class PlaybackCounters:
    """What went wrong since the start: pieces refused, by reason, and other mishaps."""

    stale: int = 0  # of an interrupted epoch
    repeated: int = 0  # the same piece again, or one out of order
    unusable: int = 0  # empty, not finite or of a strange rate
    overflowed: int = 0  # backlog full
    missing: int = 0  # indices that never came
    abandoned: int = 0  # pauses that nobody ended


@dataclass
class _Segment:
    """Samples at the device's rate, ready to be played."""

    turn_id: int
    epoch: int
    offset: float
    samples: np.ndarray
    position: int = 0
    last: bool = False


class PlaybackQueue:
    """Feeds the audio callback; every method may be called from any thread.

    ``render`` is the audio callback's side and only copies. Pieces wait at their own rate and
    are converted by ``refill`` up to 0.3 s ahead, so that nothing long is ever committed.
    """

    def __init__(self, sample_rate: int, ahead_seconds: float = AHEAD_SECONDS) -> None:
        self.sample_rate = sample_rate
        self.counters = PlaybackCounters()
        self._ahead_seconds = ahead_seconds
        self._ahead = int(ahead_seconds * sample_rate)
        self._ramp = max(int(RAMP_SECONDS * sample_rate), 1)
        self._lock = threading.Lock()
        self._backlog: deque[SpeechPiece] = deque()
        self._ready: deque[_Segment] = deque()
        self._resampler: Optional[Resampler] = None
        self._resampled_turn = -1
        self._gate = EpochGate()
        self._newest = (-1, -1)  # turn and index of the newest accepted piece
        self._turn_id = 0
        self._epoch = 0
        self._played = 0.0
        self._pause = PlaybackPause()
        self._sounding = False  # the last block ended with speech
        self._turn_open = False  # speech of the turn is still to come
        self._underruns = UnderrunCounter()

    def push(self, piece: SpeechPiece) -> bool:
        """Take a piece in; return False, and count why, if it must not be played."""
        with self._lock:
            reason = self._refusal(piece)
            if reason:
                setattr(self.counters, reason, getattr(self.counters, reason) + 1)
                return False
            turn_id, index = self._newest
            expected = index + 1 if piece.turn_id == turn_id else 0
            self.counters.missing += max(piece.index - expected, 0)
            self._newest = (piece.turn_id, piece.index)
            self._backlog.append(piece)
        self.refill()
        return True

    def _refusal(self, piece: SpeechPiece) -> str:
        if not self._gate.admits(piece.epoch):
            return 'stale'
        turn_id, index = self._newest
        # A smaller turn number with index 0 is not old: the sender was started again.
        if piece.turn_id == turn_id and piece.index <= index:
            return 'repeated'
        if piece.turn_id < turn_id and piece.index > 0:
            return 'repeated'
        if not 4000 <= piece.sample_rate <= 384000 or not np.isfinite(piece.samples).all():
            return 'unusable'
        if piece.samples.size == 0 and not piece.last:
            return 'unusable'
        backlog = sum(waiting.samples.size / waiting.sample_rate for waiting in self._backlog)
        if backlog + piece.samples.size / piece.sample_rate > BACKLOG_SECONDS:
            return 'overflowed'
        return ''

    def refill(self) -> None:
        """Convert waiting speech until 0.3 s are ready; called once per block and per piece."""
        with self._lock:
            ready = sum(segment.samples.size - segment.position for segment in self._ready)
            while self._backlog and ready < self._ahead:
                segment = self._convert(self._ahead - ready)
                self._ready.append(segment)
                ready += segment.samples.size

    def _convert(self, wanted: int) -> _Segment:
        """Take about ``wanted`` samples at the device's rate off the first waiting piece."""
        piece = self._backlog.popleft()
        count = min(max(wanted * piece.sample_rate // self.sample_rate, 1), piece.samples.size)
        rest = piece.samples[count:]
        finished = rest.size == 0
        if not finished:
            moved = piece.offset + count / piece.sample_rate
            self._backlog.appendleft(replace(piece, offset=moved, samples=rest))
        samples = self._resample(piece, piece.samples[:count], finished and piece.last)
        return _Segment(
            piece.turn_id, piece.epoch, piece.offset, samples, last=finished and piece.last
        )

    def _resample(self, piece: SpeechPiece, samples: np.ndarray, ends: bool) -> np.ndarray:
        if piece.sample_rate == self.sample_rate:
            return samples.astype(np.float32, copy=False)
        if (
            self._resampler is None
            or self._resampled_turn != piece.turn_id
            or self._resampler.input_rate != piece.sample_rate
        ):
            self._resampler = Resampler(piece.sample_rate, self.sample_rate)
            self._resampled_turn = piece.turn_id
        converted = self._resampler.process(samples)
        if ends:
            converted = np.concatenate([converted, self._resampler.flush()])
        return converted

    def render(self, count: int) -> np.ndarray:
        """Return the loudspeaker's next block, float32 [count]; silence where no speech is due."""
        block = np.zeros(count, np.float32)
        with self._lock:
            if self._pause.held:
                if self._pause.outlasted(count / self.sample_rate):
                    self.counters.abandoned += 1
                elif self._sounding:
                    self._fade_out(block)
                return block
            begins, turn_id = not self._sounding, self._turn_id
            filled = self._take(block)
            if begins and filled:
                length = min(self._ramp, filled)
                block[:length] *= np.linspace(0.0, 1.0, length, dtype=np.float32)
            self._underruns.note(
                filled / self.sample_rate,
                (count - filled) / self.sample_rate,
                turn_id == self._turn_id,
                self._turn_open,
                self._sounding,
            )
            self._sounding = filled == count
        return block

    def _take(self, block: np.ndarray) -> int:
        """Move ready samples into the block and return how many."""
        filled = 0
        while self._ready and filled < block.size:
            segment = self._ready[0]
            piece = segment.samples[segment.position : segment.position + block.size - filled]
            block[filled : filled + piece.size] = piece
            filled += piece.size
            segment.position += piece.size
            self._account(segment)
            if segment.position >= segment.samples.size:
                self._ready.popleft()
        return filled

    def _account(self, segment: _Segment) -> None:
        self._turn_id, self._epoch = segment.turn_id, segment.epoch
        self._played = segment.offset + segment.position / self.sample_rate
        ended = segment.last and segment.position >= segment.samples.size
        self._turn_open = not ended

    def _fade_out(self, block: np.ndarray) -> None:
        """Let the sound end without a click; the faded samples count as played."""
        filled = self._take(block[: self._ramp])
        block[:filled] *= np.linspace(1.0, 0.0, filled, dtype=np.float32)
        self._sounding = False

    def pause(self, epoch: Optional[int] = None) -> None:
        """Hold the sound at the next block; nothing is lost.

        :param epoch: what is to be held, by default what is heard; an older one is ignored.
        """
        with self._lock:
            current = max(self._epoch, self._gate.current)
            epoch = current if epoch is None else epoch
            if epoch >= current:
                self._pause.begin(epoch)

    def resume(self, epoch: Optional[int] = None) -> None:
        """Go on at the sample where it was held, unless the epoch is older than what is held."""
        with self._lock:
            self._pause.end(self._pause.epoch if epoch is None else epoch)

    def flush(self, epoch: int) -> int:
        """Void all up to an epoch, its pause too, and return the number of pieces dropped."""
        with self._lock:
            self._gate.void(epoch)
            waiting = len(self._backlog) + len(self._ready)
            self._backlog = deque(p for p in self._backlog if self._gate.admits(p.epoch))
            keep = deque(s for s in self._ready if self._gate.admits(s.epoch))
            if len(keep) < len(self._ready):
                self._ready = self._tail(keep)
            if not self._gate.admits(self._epoch):
                self._turn_open = False
            self._pause.end(self._gate.voided)
            return waiting - len(self._backlog) - len(self._ready)

    def _tail(self, keep: deque[_Segment]) -> deque[_Segment]:
        """Leave one ramp of the void speech in front, faded, if it sounds right now."""
        if not self._sounding or self._pause.held or not self._ready:
            return keep
        first = self._ready[0]
        samples = first.samples[first.position : first.position + self._ramp]
        faded = samples * np.linspace(1.0, 0.0, samples.size, dtype=np.float32)
        offset = first.offset + first.position / self.sample_rate
        keep.appendleft(_Segment(first.turn_id, first.epoch, offset, faded, last=True))
        return keep

    def restart(self, sample_rate: int) -> None:
        """Go on with a device of another rate; what was committed to the old one is lost."""
        with self._lock:
            self.sample_rate = sample_rate
            self._ahead = int(self._ahead_seconds * sample_rate)
            self._ramp = max(int(RAMP_SECONDS * sample_rate), 1)
            self._ready.clear()
            self._resampler = None
            self._sounding = False
            self._underruns.restart()

    def state(self) -> PlaybackState:
        """Return what was handed to the device so far and what waits."""
        with self._lock:
            queued = sum(p.samples.size / p.sample_rate for p in self._backlog)
            ready = sum(segment.samples.size - segment.position for segment in self._ready)
            return PlaybackState(
                turn_id=self._turn_id,
                epoch=self._epoch,
                playing=self._sounding and not self._pause.held,
                paused=self._pause.held,
                played=self._played,
                queued=queued + ready / self.sample_rate,
                underruns=self._underruns.count,
            )
