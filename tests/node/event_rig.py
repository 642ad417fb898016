# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An events node with everything around it played by a test."""

import io
import time

from PIL import Image
import pytest
from rclpy.parameter import Parameter
from std_msgs.msg import Bool, String

from minicpmo_ros import qos
from minicpmo_ros.events_node import EventsNode
from minicpmo_ros.msg import (
    Announcement,
    ContextNote,
    DuplexState,
    EventCommand,
    OmniUnit,
    ProactiveEvent,
    TextDelta,
    UnitReport,
    UserSpeech,
    Watch,
    WatchAnswer,
    WatchCommand,
    WatchList,
    WatchQuestion,
)
from tests.node.node_harness import Harness

FILE = """
watches:
  pot:
    text: the pot boils
    zone: kitchen
    severity: warning
    reports: ['the pot (boils|is boiling)']
  fall: {text: somebody has fallen, severity: critical}
"""


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((320, 240), 90).save(buffer, 'JPEG')
    return buffer.getvalue()


class Rig:
    """An events node with everything around it played by the test."""

    def __init__(self, harness: Harness, node: EventsNode) -> None:
        self.harness = harness
        self.node = node
        self.events = harness.collect(ProactiveEvent, 'events')
        self.lists = harness.collect(WatchList, 'watches', qos.STATE)
        self.notes = harness.collect(ContextNote, 'context_note')
        self.announcements = harness.collect(Announcement, 'announcement')
        self.questions = harness.collect(WatchQuestion, 'watch_question')
        self.camera = harness.collect(Bool, 'camera_enabled', qos.STATE)
        self.watching = harness.collect(Bool, 'watching', qos.STATE)
        publisher = harness.publisher
        self.command = publisher(WatchCommand, 'watch_command')
        self.answer = publisher(WatchAnswer, 'watch_answer')
        self.supported = publisher(Bool, 'questions_supported', qos.STATE)
        self.state = publisher(DuplexState, 'duplex_state', qos.STATE)
        self.report = publisher(UnitReport, 'unit_report', qos.STREAM)
        self.user = publisher(UserSpeech, 'user_speech')
        self.unit = publisher(OmniUnit, 'omni_unit', qos.STREAM)
        self.user_text = publisher(String, 'user_text')
        self.text = publisher(TextDelta, 'text_delta', qos.STREAM)
        self.event = publisher(ProactiveEvent, 'events')
        self.event_command = publisher(EventCommand, 'event_command')
        harness.wait(lambda: self.lists, 'the list of watches')
        # The observer reads this topic too.
        harness.wait(lambda: self.event.get_subscription_count() >= 2, 'the node')

    def wait(self, condition, what):
        self.harness.wait(condition, what)

    def model_listens(self):
        """A model that can be asked is there, and stays there."""
        self.supported.publish(Bool(data=True))
        self.state.publish(DuplexState(state=DuplexState.LISTENING))
        self.wait(lambda: any(m.data for m in self.watching), 'watching')

    def keep_listening_until(self, condition, what):
        def poll():
            self.state.publish(DuplexState(state=DuplexState.LISTENING))
            time.sleep(0.05)
            return condition()

        self.harness.wait(poll, what)

    def yes(self, watch_id, probability=0.9, times=2):
        for _ in range(times):
            self.answer.publish(WatchAnswer(watch_id=watch_id, probability=probability))

    def opened(self):
        return [e for e in self.events if e.type == ProactiveEvent.OPENED and e.watch_id]

    def add(self, **given):
        count = len(self.lists)
        watch = Watch(**{'cooldown': -1.0, **given})
        self.command.publish(WatchCommand(command=WatchCommand.ADD, watch=watch))
        self.wait(lambda: len(self.lists) > count, 'the list')
        return self.lists[-1]


@pytest.fixture
def make_rig(ros, tmp_path):
    opened = []

    def make(**given):
        (tmp_path / 'watches.yaml').write_text(FILE)
        values = {
            'watches_file': str(tmp_path / 'watches.yaml'),
            'data_folder': str(tmp_path / 'data'),
            'announcement_pause': 0.2,
            **given,
        }
        node = EventsNode(
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
        )
        harness = Harness(node)
        harness.__enter__()
        opened.append(harness)
        return Rig(harness, node)

    yield make
    for harness in opened:
        harness.__exit__(None, None, None)
