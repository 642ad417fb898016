# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A reminder becomes sound: the real model, the inference node and the events node together."""

from array import array
import time

import pytest
from rclpy.parameter import Parameter
from std_msgs.msg import String

from minicpmo_ros import qos
from minicpmo_ros.events_node import EventsNode
from minicpmo_ros.inference_node import InferenceNode
from minicpmo_ros.msg import (
    DuplexState,
    OmniUnit,
    ProactiveEvent,
    SpeechChunk,
    Watch,
    WatchCommand,
    WatchList,
)
from minicpmo_ros.stamp import time_message
from tests.node.node_harness import Harness

SECOND = 1_000_000_000


@pytest.fixture
def harness(ros, tmp_path):
    overrides = {'data_folder': str(tmp_path), 'watches_file': '', 'announcement_pause': 0.2}
    events = EventsNode(parameter_overrides=[Parameter(n, value=v) for n, v in overrides.items()])
    model = {'model_path': 'nano', 'device': 'cpu', 'voice': 'espeak', 'torch_threads': 1}
    inference = InferenceNode(
        parameter_overrides=[Parameter(n, value=v) for n, v in model.items()]
    )
    with Harness(inference, events) as running:
        yield running


def test_a_reminder_is_spoken_by_a_model_that_reads_no_notes(harness):
    speech = harness.collect(SpeechChunk, 'speech', qos.STREAM)
    said = harness.collect(String, 'text')
    events = harness.collect(ProactiveEvent, 'events')
    lists = harness.collect(WatchList, 'watches', qos.STATE)
    states = harness.collect(DuplexState, 'duplex_state', qos.STATE)
    units = harness.publisher(OmniUnit, 'omni_unit', qos.STREAM)
    command = harness.publisher(WatchCommand, 'watch_command')
    listening = DuplexState.LISTENING
    harness.wait(lambda: any(s.state == listening for s in states), 'the model', 120.0)
    wish = Watch(text='call Anna', kind=Watch.TIME, when='in 1 second', cooldown=-1.0)
    command.publish(WatchCommand(command=WatchCommand.ADD, watch=wish))
    harness.wait(lambda: lists[-1].watches, 'the reminder')
    begun, sent = time.monotonic(), 0

    def spoken():
        nonlocal sent
        if time.monotonic() - begun > 0.3 * sent:
            units.publish(silent_unit(sent))
            sent += 1
        return any(event.spoken for event in events) and said

    harness.wait(spoken, 'the spoken reminder', 60.0)
    [reminder] = [event for event in events if event.type == ProactiveEvent.OPENED]
    assert (reminder.origin, reminder.spoken) == (ProactiveEvent.REMINDER, False)
    assert said[0].data == 'Reminder: call Anna.'
    sound = [chunk for chunk in speech if chunk.turn_id == speech[0].turn_id]
    assert sum(len(chunk.data) for chunk in sound) > 2 * 24000
    assert all(event.origin == ProactiveEvent.REMINDER for event in events), 'no event of its own'


def silent_unit(index: int) -> OmniUnit:
    message = OmniUnit(unit_index=index, sample_rate=16000, speech_fraction=0.0)
    message.audio = array('h', bytes(32000))
    message.header.stamp = time_message((100 + index) * SECOND)
    message.audio_end = time_message((101 + index) * SECOND)
    return message
