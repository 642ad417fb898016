# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A sound card made of a clock: renders in real time without any device."""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

import numpy as np

from minicpmo_ros.sound_device.device_stream import StreamHandler, StreamState, StreamStatus

BLOCK_SECONDS = 0.01
# A machine that slept is not made to play what it missed [s].
CATCH_UP_LIMIT = 0.2


def pace(
    handler: StreamHandler,
    sample_rate: int,
    wait: Callable[[float], bool],
    until: Optional[float] = None,
    sink: Optional[Callable[[np.ndarray], None]] = None,
    microphone: bool = False,
) -> None:
    """Exchange blocks of 10 ms in real time until ``wait`` returns true or the time is over.

    :param wait: sleeps for some seconds and returns whether to stop.
    :param until: end on the monotonic clock [s].
    :param sink: takes what was rendered.
    :param microphone: whether a silent microphone is pretended.
    """
    count = int(sample_rate * BLOCK_SECONDS)
    silence = np.zeros(count if microphone else 0, np.float32)
    due = time.monotonic()
    while until is None or due < until:
        rendered = handler.exchange(silence, due - BLOCK_SECONDS, due)
        if sink is not None:
            sink(rendered)
        due += BLOCK_SECONDS
        late = time.monotonic() - due
        if late > CATCH_UP_LIMIT:
            due += late
        if wait(max(-late, 0.0)):
            return


class SoftwareClockStream:
    """Plays into nothing, or into a function, at the pace of the monotonic clock.

    :param microphone: whether a silent microphone is pretended; false when the microphone's
        samples come from somewhere else.
    :param sink: takes the rendered blocks, float32 [n].
    """

    def __init__(
        self,
        handler: StreamHandler,
        sample_rate: int = 24000,
        microphone: bool = False,
        sink: Optional[Callable[[np.ndarray], None]] = None,
    ) -> None:
        self._handler = handler
        self._sample_rate = sample_rate
        self._microphone = microphone
        self._sink = sink
        self._stopping = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Begin to pace."""
        self._handler.opened(self._sample_rate)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name='software clock', daemon=True)
        self._thread.start()

    def _run(self) -> None:
        pace(
            self._handler,
            self._sample_rate,
            self._stopping.wait,
            sink=self._sink,
            microphone=self._microphone,
        )

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None

    def status(self) -> StreamStatus:
        """Return the health."""
        running = self._thread is not None and self._thread.is_alive()
        state = StreamState.RUNNING if running else StreamState.CLOSED
        return StreamStatus(state, 'software clock', self._sample_rate, openings=1)
