# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from minicpmo_ros.perception.aligner_configuration import AlignerConfiguration
from minicpmo_ros.perception.audio_message import Sound
from minicpmo_ros.perception.pipeline import PerceptionPipeline, Topics
from minicpmo_ros.perception.rejection_log import RejectionLog

START = 500.0


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def pipeline(warnings):
    log = RejectionLog(lambda: START + 100 * len(warnings), warnings.append)
    return PerceptionPipeline(AlignerConfiguration(), Topics('/image', '/audio'), log)


def sound(rate=16000, seconds=0.1):
    return Sound(np.full(int(rate * seconds), 0.25, np.float32), rate)


def test_any_rate_becomes_units(pipeline):
    units = []
    for number in range(21):
        time = START + number / 10
        units += pipeline.push_sound(time, sound(44100), time + 0.1)
    assert [unit.index for unit in units] == [0, 1]
    assert units[0].begin == pytest.approx(START)
    assert np.abs(units[1].audio - 8192).max() <= 1


def test_sound_without_stamp_gets_the_time_of_arrival(pipeline):
    units = []
    for number in range(10):
        units += pipeline.push_sound(None, sound(), START + 0.1 * (number + 1))
    assert units[0].begin == pytest.approx(START)


def test_frame_without_stamp_gets_the_time_of_arrival(pipeline):
    pipeline.push_sound(START, sound(), START + 0.1)
    pipeline.push_frame(None, 'frame', START + 0.3)
    units = []
    for number in range(1, 10):
        units += pipeline.push_sound(START + number / 10, sound(), START + number / 10)
    assert units[0].frames[0].stamp == START + 0.3


def test_problems_name_topic_and_kind(pipeline, warnings):
    pipeline.push_sound(START, sound(), START + 0.1)
    pipeline.push_sound(START, sound(), START + 0.2)
    pipeline.push_frame(START + 50.0, 'frame', START + 0.2)
    pipeline.push_frame(START - 50.0, 'frame', START + 0.2)
    assert [text.split(':')[0] for text in warnings] == ['/audio', '/image', '/image']
    assert 'two publishers' in warnings[0]
    assert 'future' in warnings[1]
    assert 'over' in warnings[2]


def test_first_stamp_in_the_future_is_reported_and_followed(pipeline, warnings):
    units = []
    for number in range(10):
        now = START + number / 10
        units += pipeline.push_sound(now + 3600.0, sound(), now)
    assert 'ahead of ROS time' in warnings[0]
    assert units[0].begin == pytest.approx(START + 3600.0)


def test_missing_sound_is_reported(pipeline, warnings):
    for number in (0, 1, 4, 5, 6):
        pipeline.push_sound(START + number / 10, sound(), START + number / 10 + 0.1)
    assert warnings == ['/audio: sound is missing and was replaced by silence']
