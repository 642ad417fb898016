# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import threading

import pytest

from minicpmo_ros.perception import work_queue
from minicpmo_ros.perception.work_queue import WorkQueue


class Log:
    """Collects what a queue does."""

    def __init__(self):
        self.done = []
        self.errors = []
        self.idle = threading.Event()
        self.queue = WorkQueue(self.idle.set, self.errors.append, period=0.01)

    def job(self, name):
        return lambda: self.done.append(name)

    def finish(self):
        """Start the thread, let it do what waits and stop it."""
        ended = threading.Event()
        self.queue.put(ended.set)
        self.queue.start()
        assert ended.wait(5.0)
        assert self.queue.stop(5.0)


@pytest.fixture
def log():
    return Log()


def test_jobs_keep_their_order_and_frames_go_first(log):
    for number in range(3):
        log.queue.put(log.job(f'job {number}'))
        log.queue.put_frame(log.job(f'frame {number}'), 10)
    log.finish()
    assert log.done == ['frame 0', 'frame 1', 'frame 2', 'job 0', 'job 1', 'job 2']
    assert log.queue.dropped == 0


def test_failing_job_is_reported_and_the_next_one_runs(log):
    log.queue.put(lambda: 1 / 0)
    log.queue.put(log.job('next'))
    log.finish()
    assert log.done == ['next']
    assert isinstance(log.errors[0], ZeroDivisionError)


def test_old_frames_give_way_when_memory_is_full(log):
    size = work_queue.MOST_FRAME_BYTES // 4
    for number in range(6):
        log.queue.put_frame(log.job(number), size)
    log.finish()
    assert log.done == [2, 3, 4, 5]
    assert log.queue.dropped == 2


def test_old_jobs_give_way_when_too_many_wait(log):
    for number in range(work_queue.MOST_JOBS + 5):
        log.queue.put(log.job(number))
    assert len(log.queue) == work_queue.MOST_JOBS
    assert log.queue.dropped == 5


def test_idle_runs_without_jobs(log):
    log.queue.start()
    assert log.idle.wait(5.0)
    assert log.queue.stop(5.0)


def test_stop_without_start(log):
    assert log.queue.stop(1.0)
