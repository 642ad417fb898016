# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from minicpmo_ros.barge_in.noise_floor import UNKNOWN, NoiseFloor

FRAME = 0.032


def feed(floor, begin, seconds, level, speech):
    time = begin
    while time < begin + seconds:
        floor.learn(time, level, speech)
        time += FRAME
    return time


def test_unknown_until_something_is_heard():
    assert NoiseFloor().level == UNKNOWN


def test_learns_the_level_of_silence():
    floor = NoiseFloor()
    feed(floor, 0.0, 5.0, -62.0, False)
    assert floor.level == pytest.approx(-62.0)


def test_own_speech_is_never_learned():
    floor = NoiseFloor()
    end = feed(floor, 0.0, 5.0, -62.0, False)
    for _ in range(200):
        floor.robot_is_heard(end)
        floor.learn(end, -20.0, False)
        end += FRAME
    floor.learn(end + 0.4, -20.0, False)  # the room still rings
    assert floor.level == pytest.approx(-62.0)


def test_speech_that_the_robot_answers_is_no_noise():
    floor = NoiseFloor()
    end = feed(floor, 0.0, 5.0, -62.0, False)
    end = feed(floor, end, 2.5, -25.0, True)
    floor.robot_answers()
    feed(floor, end, 5.0, -62.0, False)
    assert floor.level == pytest.approx(-62.0)


def test_a_television_nobody_answers_is_noise():
    floor = NoiseFloor()
    end = feed(floor, 0.0, 5.0, -62.0, False)
    feed(floor, end, 15.0, -40.0, True)
    assert floor.level == pytest.approx(-40.0)


def test_reset_forgets():
    floor = NoiseFloor()
    feed(floor, 0.0, 1.0, -62.0, False)
    floor.reset()
    assert floor.level == UNKNOWN
