# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One thread that owns the state of perception and works off what the callbacks hand over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading
from typing import Optional

Job = Callable[[], None]

# Some seconds of 10 ms sound blocks: reached only when the thread is stuck.
MOST_JOBS = 512
# Raw pictures are large, 6 MB at 1080p; the newest ones are enough to choose from.
MOST_FRAME_BYTES = 96_000_000


class WorkQueue:
    """Runs jobs in their order in a thread of its own; ``put`` never blocks.

    Frames go before other jobs: offering one is cheap, and a frame that arrived before the end of
    a unit must be known when the sound that ends the unit is handled. When the thread falls
    behind, the oldest jobs are dropped and counted.

    :param idle: called after each round of jobs, and every ``period`` seconds without jobs.
    :param failed: called with an exception that no job should raise; the thread goes on.
    """

    def __init__(
        self, idle: Job, failed: Callable[[Exception], None], period: float = 0.1
    ) -> None:
        self._idle = idle
        self._failed = failed
        self._period = period
        self._condition = threading.Condition()
        self._jobs: deque[Job] = deque(maxlen=MOST_JOBS)
        self._frames: deque[tuple[Job, int]] = deque(maxlen=MOST_JOBS)
        self._frame_bytes = 0
        self._stopping = False
        self._thread: Optional[threading.Thread] = None
        self.dropped = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name='perception', daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the thread after the job in hand; return whether it ended in time [s]."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def put(self, job: Job) -> None:
        """Hand over a job."""
        with self._condition:
            self.dropped += len(self._jobs) == MOST_JOBS
            self._jobs.append(job)
            self._condition.notify()

    def put_frame(self, job: Job, size: int) -> None:
        """Hand over a job that offers a frame and keeps ``size`` bytes in memory."""
        with self._condition:
            while self._frames and (
                self._frame_bytes + size > MOST_FRAME_BYTES or len(self._frames) == MOST_JOBS
            ):
                self._frame_bytes -= self._frames.popleft()[1]
                self.dropped += 1
            self._frames.append((job, size))
            self._frame_bytes += size
            self._condition.notify()

    def __len__(self) -> int:
        return len(self._jobs) + len(self._frames)

    def run_pending(self) -> None:
        """Do what waits; only for the thread of the queue, or while it has none."""
        for job in (*self._take(), self._idle):  # no name keeps frames alive until the next
            self._do(job)

    def _run(self) -> None:
        while not self._stopping:
            with self._condition:
                if not (self._jobs or self._frames or self._stopping):
                    self._condition.wait(self._period)
            if not self._stopping:
                self.run_pending()

    def _take(self) -> list[Job]:
        with self._condition:
            jobs = [*(job for job, _ in self._frames), *self._jobs]
            self._frames.clear()
            self._jobs.clear()
            self._frame_bytes = 0
            return jobs

    def _do(self, job: Job) -> None:
        try:
            job()
        except Exception as error:  # the one handler of this thread: report and go on
            self._failed(error)
