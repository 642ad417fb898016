# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Play a source in a thread: at real time, faster, or as fast as units are processed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import math
import threading
import time
from typing import Optional

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import Item, MediaSource
from minicpmo_ros.media.timeline import due_time, in_order, split_sound

# Units that may be on their way to the model when playing as fast as possible.
UNITS_AHEAD = 2.0
# A live source is always due; a wait is never longer than this, so that changes are seen [s].
LONGEST_WAIT = 0.1


@dataclass(frozen=True)
class PlayerOptions:
    """rate: 1 real time, 0 as fast as possible. end: seconds of the media, 0 for all of it."""

    rate: float = 1.0
    loop: bool = False
    start: float = 0.0
    end: float = 0.0
    piece: int = 320


@dataclass(frozen=True)
class PlayerCallbacks:
    """Called in the player's thread.

    emit: an item with the time [s] that is added to its own, since begin of the playing. tick: the
    time reached. finished: the end, with the reason when the media failed.
    """

    emit: Callable[[Item, float], None]
    tick: Callable[[float], None]
    finished: Callable[[Optional[MediaError]], None]


class Player:
    """Plays from ``start()`` to the end or ``stop()``; other methods may be called at any time."""

    def __init__(
        self, source: MediaSource, options: PlayerOptions, callbacks: PlayerCallbacks
    ) -> None:
        self._source = source
        self._options = options
        self._callbacks = callbacks
        self._changed = threading.Condition()
        self._stopped = False
        self._paused = False
        self._jump: Optional[float] = None
        self._units_done = 0
        self._thread = threading.Thread(target=self._run, name='player', daemon=True)
        # The pair of times at which real and media time were equal, renewed after each change.
        self._anchor = (0.0, 0.0)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def set_rate(self, rate: float) -> None:
        """Go on at another speed."""
        with self._changed:
            self._options = PlayerOptions(**{**vars(self._options), 'rate': rate})
            self._anchor = (math.nan, 0.0)

    def set_loop(self, loop: bool) -> None:
        """Begin again at the end, or not."""
        self._options = PlayerOptions(**{**vars(self._options), 'loop': loop})

    def pause(self, paused: bool) -> None:
        """Hold, or go on."""
        with self._changed:
            self._paused = paused
            self._anchor = (math.nan, 0.0)
            self._changed.notify_all()

    def seek(self, position: float) -> None:
        """Go on at ``position`` [s] of the media."""
        with self._changed:
            self._jump = position
            self._changed.notify_all()

    def unit_done(self) -> None:
        """Say that the model has processed a unit (backpressure at rate 0)."""
        with self._changed:
            self._units_done += 1
            self._changed.notify_all()

    def _run(self) -> None:
        error = None
        try:
            self._play_rounds()
        except MediaError as raised:
            error = raised
        if not self._stopped:
            self._callbacks.finished(error)

    def _play_rounds(self) -> None:
        elapsed, position = 0.0, self._options.start
        while not self._stopped:
            reached = self._play_from(position, elapsed)
            elapsed += reached - position
            if self._jump is not None:
                position, self._jump = self._jump, None
            elif self._options.loop:
                position = self._options.start
            else:
                break

    def _play_from(self, position: float, elapsed: float) -> float:
        """Play until the end, a jump or the stop; return the media time reached [s]."""
        self._anchor = (math.nan, 0.0)
        shift = elapsed - position
        reached = position
        for item in self._stream(position):
            due = due_time(item)
            if self._options.end and due > self._options.end:
                return self._options.end
            if not self._wait_until(due + shift):
                return reached
            self._callbacks.tick(due + shift)
            self._callbacks.emit(item, shift)
            reached = max(reached, due)
        return reached

    def _stream(self, position: float) -> Iterator[Item]:
        items = split_sound(self._source.items(position), self._options.piece)
        return items if math.isinf(self._source.duration) else in_order(items)

    def _wait_until(self, elapsed: float) -> bool:
        """Wait until play time ``elapsed`` [s] is due; return False when to leave the stream."""
        with self._changed:
            while not (self._stopped or self._jump is not None):
                wait = LONGEST_WAIT if self._paused else self._due_in(elapsed)
                if wait <= 0.0:
                    return True
                self._changed.wait(min(wait, LONGEST_WAIT))
            return False

    def _due_in(self, elapsed: float) -> float:
        if math.isinf(self._source.duration):
            return 0.0
        if self._options.rate == 0.0:
            return 0.0 if elapsed <= self._units_done + UNITS_AHEAD else LONGEST_WAIT
        now = time.monotonic()
        if math.isnan(self._anchor[0]):
            self._anchor = (now, elapsed)
        begun, base = self._anchor
        return begun + (elapsed - base) / self._options.rate - now
