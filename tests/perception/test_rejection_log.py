# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo_ros.perception.rejection_log import LONGEST_REASON, MOST_TOPICS, RejectionLog


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def log(clock, warnings):
    return RejectionLog(clock, warnings.append)


def test_warning_names_topic_and_reason(log, warnings):
    log.note('/image', 'step 7 is too short')
    assert warnings == ['/image: step 7 is too short']


def test_warnings_are_throttled_by_topic_and_tell_how_many(log, warnings, clock):
    for _ in range(10):
        log.note('/image', 'bad')
        log.note('/audio', 'bad')
    assert len(warnings) == 2
    clock.now += 6.0
    log.note('/image', 'worse')
    assert warnings[2] == '/image: worse (10 times)'
    assert [entry.count for entry in log.entries()] == [11, 10]


def test_problems_stop_being_recent(log, clock):
    log.note('/image', 'bad')
    assert [entry.topic for entry in log.recent()] == ['/image']
    clock.now += 11.0
    assert log.recent() == []
    assert len(log.entries()) == 1


def test_memory_is_bounded(log):
    for number in range(2 * MOST_TOPICS):
        log.note(f'/topic{number}', 'x' * 10_000)
    assert len(log.entries()) == MOST_TOPICS + 1
    assert all(len(entry.reason) == LONGEST_REASON for entry in log.entries())
