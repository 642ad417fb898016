# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Interruptions at awkward times reach the inference node: nothing sticks, nothing stale plays."""

from contextlib import ExitStack
import threading
import time

import pytest
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from minicpmo_ros import qos
from minicpmo_ros.audio_device_node import AudioDeviceNode
from minicpmo_ros.bridge_node import BridgeNode
from minicpmo_ros.inference_node import InferenceNode
from minicpmo_ros.msg import DuplexState, Interruption, OmniUnit, PlaybackStatus, SpeechChunk
from tests.node.node_harness import Harness
from tests.node.scripted_backend import ScriptedBackend
from tests.node.test_inference_node import unit

CONFIRM = Interruption.CONFIRM


class SlowModel:
    """A backend that is not loaded before ``loaded`` is set."""

    def __init__(self, script):
        self.backend = ScriptedBackend(script)
        self.loaded = threading.Event()
        self.loading = threading.Event()

    def load(self, *unused):
        self.loading.set()
        assert self.loaded.wait(20.0)
        return self.backend

    @property
    def session(self):
        return self.backend.sessions[-1]


class Rig:
    """An inference node in a thread of its own; the given nodes and an observer in another."""

    def __init__(self, stack, script, *nodes):
        self._stack = stack
        self.model = SlowModel(script)
        self.harness = stack.enter_context(Harness(*nodes))
        collect = self.harness.collect
        self.speech = collect(SpeechChunk, 'speech', qos.STREAM)
        self.states = collect(DuplexState, 'duplex_state', qos.STATE)
        self.interruptions = collect(Interruption, 'interruption')
        self.playback = collect(PlaybackStatus, 'playback')

    def start(self, **parameters):
        """Start the inference node, which begins to load the model."""
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = InferenceNode(self.model.load, parameter_overrides=overrides)
        observer = self.harness.observer
        self.interrupt = observer.create_publisher(Interruption, 'interruption', qos.EVENT)
        self.units = self.harness.publisher(OmniUnit, 'omni_unit', qos.STREAM)
        self.wait(lambda: observer.count_publishers('speech') and self.known(), 'the connections')
        self._stack.enter_context(Harness(self.node))
        self._stack.callback(self.model.loaded.set)
        return self

    def known(self):
        readers = self.harness.observer.count_subscribers('interruption')
        return self.interrupt.get_subscription_count() == readers

    def wait(self, condition, what):
        self.harness.wait(condition, what)

    def listens(self):
        return self.states and self.states[-1].state == DuplexState.LISTENING

    def finish_loading(self):
        self.model.loaded.set()
        self.wait(self.listens, 'a model that listens')

    def hear(self, *indices):
        """Send units one by one, each after the model has finished the one before."""
        for index in indices:
            count = len(self.model.session.units)
            self.units.publish(unit(index))
            self.wait(lambda count=count: len(self.model.session.units) > count, 'the unit')

    def epochs_of_speech(self, count):
        self.wait(lambda: len(self.speech) >= count, f'{count} pieces of speech')
        return [chunk.epoch for chunk in self.speech]


@pytest.fixture
def make_rig(ros):
    with ExitStack() as stack:
        yield lambda *given: Rig(stack, *given)


def confirm(epoch, stage=CONFIRM):
    return Interruption(stage=stage, turn_id=epoch, epoch=epoch, source='test')


def test_an_interruption_while_the_model_loads_counts_once_it_is_there(make_rig):
    rig = make_rig(['say one', 'end two']).start()
    assert rig.model.loading.wait(10.0)
    for number in range(100):
        rig.interrupt.publish(confirm(1 + number % 3, stage=number % 3))
        time.sleep(0.01)
    rig.interrupt.publish(confirm(3))
    rig.finish_loading()
    rig.wait(lambda: rig.states[-1].epoch == 4, 'the first epoch that is valid')
    rig.hear(0, 1)
    assert rig.epochs_of_speech(2) == [4, 4]


def test_an_interruption_without_a_model_counts_for_the_one_that_comes(make_rig):
    rig = make_rig(['end one']).start(autostart=False)
    rig.interrupt.publish(confirm(3))
    rig.wait(lambda: rig.states and rig.states[-1].epoch == 4, 'the new epoch')
    rig.model.loaded.set()
    rig.node.trigger_configure()
    rig.node.trigger_activate()
    rig.wait(rig.listens, 'a model that listens')
    rig.hear(0)
    assert rig.epochs_of_speech(1) == [4]
    assert rig.model.session.heard == []


def test_a_storm_before_any_speech_and_after_the_end_leaves_nothing_behind(make_rig):
    rig = make_rig(['listen', 'end one', 'listen', 'end two']).start()
    rig.finish_loading()
    for first, epoch in ((0, 1), (2, 2)):
        for number in range(100):
            rig.interrupt.publish(confirm(epoch, stage=number % 3))
            time.sleep(0.01)
        rig.interrupt.publish(confirm(epoch))
        rig.wait(lambda epoch=epoch: rig.states[-1].epoch == epoch + 1, 'the new epoch')
        rig.hear(first, first + 1)
        assert rig.epochs_of_speech(epoch)[-1] == epoch + 1
    assert len(rig.model.session.heard) == 2, 'the model is told once of each'


def test_a_model_that_begins_anew_is_told_by_the_bridge_what_is_void(make_rig):
    device = [Parameter('device', value='none')]
    bridge = BridgeNode()
    rig = make_rig(['end fresh'], AudioDeviceNode(parameter_overrides=device), bridge)
    # The user stopped a turn of the model that ran before.
    before = rig.harness.publisher(DuplexState, 'duplex_state', qos.STATE)
    before.publish(DuplexState(state=DuplexState.SPEAKING, turn_id=1, epoch=1))
    rig.wait(lambda: rig.states, 'the turn')
    assert rig.harness.call(Trigger, 'bridge_node/interrupt', Trigger.Request()).success
    rig.wait(lambda: rig.interruptions, 'the cut')
    rig.start().finish_loading()
    rig.wait(lambda: rig.states[-1].epoch == 2, 'a model that knows what is void')
    rig.hear(0)
    assert rig.epochs_of_speech(1) == [2]
    rig.wait(lambda: any(m.playing and m.epoch == 2 for m in rig.playback), 'the voice')
    assert {m.epoch for m in rig.interruptions} == {1}
