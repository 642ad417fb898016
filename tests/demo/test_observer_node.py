# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the observer keeps of messages that come before the first unit or after the last one."""

import array

from builtin_interfaces.msg import Time
import pytest

from minicpmo_ros import qos
from minicpmo_ros.demo.observation import Observation
from minicpmo_ros.demo.observer_node import ObserverNode
from minicpmo_ros.demo.timeline import Timeline
from minicpmo_ros.demo.timeline_file import write_picture
from minicpmo_ros.demo.transcript import Transcript
from minicpmo_ros.msg import OmniUnit, UnitReport, UserSpeech
from tests.node.node_harness import Harness

FIRST = 100  # second in which the first seen unit begins


def unit(second: int) -> OmniUnit:
    message = OmniUnit(sample_rate=16000, audio=array.array('h', bytes(32000)))
    message.header.stamp, message.audio_end = Time(sec=second), Time(sec=second + 1)
    return message


def report(second: int) -> UnitReport:
    message = UnitReport(audio_begin=Time(sec=second), audio_end=Time(sec=second + 1))
    message.units_behind = 2
    return message


def speech(active: bool, onset: int, now: int) -> UserSpeech:
    message = UserSpeech(active=active, onset=Time(sec=onset))
    message.header.stamp = Time(sec=now, nanosec=100_000_000)
    return message


def test_what_lies_outside_of_the_seen_units_is_left_out(ros, tmp_path):
    """Reports of earlier units, and speech that begins behind the last unit."""
    seen, lines = Observation(), []
    node = ObserverNode('/seen', tmp_path, Transcript(lines.append), seen)
    with Harness(node) as harness:
        units = harness.publisher(OmniUnit, '/seen/omni_unit', qos.STREAM)
        reports = harness.publisher(UnitReport, '/seen/unit_report', qos.STREAM)
        voices = harness.publisher(UserSpeech, '/seen/user_speech', qos.SPEECH_ACTIVITY)
        units.publish(unit(FIRST))
        harness.wait(lambda: seen.microphone, 'the first unit')
        for second in (FIRST - 2, FIRST - 1, FIRST):
            reports.publish(report(second))
        harness.wait(lambda: seen.units, 'a report')
        voices.publish(speech(True, FIRST, FIRST))
        voices.publish(speech(False, FIRST, FIRST + 1))
        harness.wait(lambda: seen.user_speech, 'speech')
        voices.publish(speech(True, FIRST + 3, FIRST + 3))
        harness.wait(lambda: len([line for line in lines if 'speaks' in line]) == 2, 'speech')
    assert [unit.begin for unit in seen.units] == [0.0]
    assert seen.user_speech == [(0.0, pytest.approx(1.1))]
    assert not [line for line in lines if '0:59' in line]
    write_picture(tmp_path / 'timeline.png', Timeline(seen))
