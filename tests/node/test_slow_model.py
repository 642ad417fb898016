# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that is too slow, behind the real node and over DDS: it sheds load and recovers."""

from array import array
import io
import threading
import time

from PIL import Image
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage

from minicpmo_ros import qos
from minicpmo_ros.inference.load_shedding import Rung
from minicpmo_ros.inference_node import InferenceNode
from minicpmo_ros.msg import DuplexState, OmniUnit, SpeechChunk, TextDelta, UnitReport
from minicpmo_ros.stamp import time_message
from tests.node.node_harness import Harness
from tests.node.scripted_backend import ScriptedBackend, ScriptedSession

SECOND = 1_000_000_000
PERIOD = 0.1
"""The ladder takes units for so long [s], so that the test need not wait for real seconds."""
FULL_COST = 1.6 * PERIOD
SMALL_COST = 0.1 * PERIOD


class SlowSession(ScriptedSession):
    """Speaks all the time; as slow as what it is given, and what it is told to be."""

    slow = True

    def step(self, unit):
        time.sleep(FULL_COST if self.slow else SMALL_COST)
        result = super().step(unit)
        if unit.text_only:
            result.speech = None
        return result


class SlowBackend(ScriptedBackend):
    """Prepares slow sessions."""

    def prepare(self, system_prompt=None, **options):
        self.sessions.append(SlowSession(self.script, self.gate))
        return self.sessions[-1]


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new('RGB', (640, 480), 'red').save(file, 'JPEG')
    return file.getvalue()


def unit(index: int) -> OmniUnit:
    message = OmniUnit(unit_index=index, sample_rate=16000, speech_fraction=1.0)
    message.audio = array('h', bytes(32000))
    message.header.stamp = time_message((100 + index) * SECOND)
    message.audio_end = time_message((101 + index) * SECOND)
    message.images = [CompressedImage(format='jpeg', data=jpeg()) for _ in range(2)]
    return message


@pytest.fixture
def rig(ros):
    script = ['say word'] * 20 + ['end word'] + ['say word'] * 400
    backend = SlowBackend(script, threading.Event())
    backend.gate.set()
    node = InferenceNode(
        lambda *_: backend, parameter_overrides=[Parameter('max_units_behind', value=2)]
    )
    with Harness(node) as harness:
        harness.wait(lambda: node._worker is not None, 'the worker')
        node._worker.ladder.period = PERIOD
        yield harness, node, backend


def test_slow_model_sheds_load_to_text_only_and_recovers(rig):
    harness, node, backend = rig
    reports = harness.collect(UnitReport, 'unit_report', qos.STREAM)
    speech = harness.collect(SpeechChunk, 'speech', qos.STREAM)
    deltas = harness.collect(TextDelta, 'text_delta', qos.STREAM)
    states = harness.collect(DuplexState, 'duplex_state', qos.STATE)
    units = harness.publisher(OmniUnit, 'omni_unit', qos.STREAM)
    topics = ('speech', 'text_delta', 'unit_report', 'duplex_state')
    harness.wait(lambda: all(map(harness.observer.count_publishers, topics)), 'publishers')
    harness.wait(lambda: any(s.state == DuplexState.LISTENING for s in states), 'listening')

    def send(index: int) -> UnitReport:
        units.publish(unit(index))
        harness.wait(lambda: len(reports) == index + 1, f'report {index}')
        return reports[-1]

    index = 0
    while send(index).shedding < UnitReport.SHED_SPEECH:
        index += 1
        assert index < 40, 'the slow model never sheds its speech'
    climbed = [report.shedding for report in reports]
    assert climbed == sorted(climbed) and set(climbed) == set(Rung)
    assert reports[-1].shedding_reason.startswith('units ')
    status = node._collect()[0]
    assert 'text only' in status.message and status.values['shedding'] == Rung.TEXT_ONLY.says
    given = backend.sessions[0].units
    for report, one in zip(reports, given, strict=True):
        assert len(one.audio) == 16000, 'sound is never left out'
        assert len(one.images) == {0: 2, 4: 0, 5: 0}.get(report.shedding, 1)
        assert one.flow_stride == (2 if report.shedding >= 3 else 1)
        small = report.shedding in (2, 3)
        assert all(max(i.shape) == (224 if small else 640) for i in one.images)

    backend.sessions[0].slow = False
    heard = len(speech)
    while send(index := index + 1).shedding > UnitReport.SHED_NOTHING:
        assert index < 200, 'the ladder never recovers'
    assert len(reports) == index + 1 and node._worker.queue.lost == 0
    harness.wait(lambda: len(speech) > heard, 'speech again')
    assert [report.unit_index for report in reports] == list(range(index + 1))
    assert reports[-1].image_count == 2 and node._collect()[0].message == 'keeping up'
    assert_turns_are_legal(speech, deltas)


def assert_turns_are_legal(speech, deltas) -> None:
    """Turns are numbered without a gap; their pieces in order, with one last piece."""
    for pieces in (speech, deltas):
        turns = [piece.turn_id for piece in pieces]
        assert turns == sorted(turns) and set(turns) == set(range(1, max(turns) + 1))
        for turn in set(turns):
            own = [piece for piece in pieces if piece.turn_id == turn]
            assert [piece.index for piece in own] == list(range(len(own)))
            assert all(not piece.last for piece in own[:-1])
    assert [p.last for p in speech if p.turn_id == 1][-1], 'a turn ends even if it was silent'
