# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node around the audio device, without a sound card."""

import subprocess
import time

import numpy as np
import pytest
import soundfile
import soxr

from minicpmo_ros import qos

rclpy = pytest.importorskip('rclpy', reason='needs ROS 2: make setup')

from audio_common_msgs.msg import AudioDataStamped, AudioInfo  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from minicpmo_ros.audio_device_node import AudioDeviceNode  # noqa: E402
from minicpmo_ros.errors import ParameterError  # noqa: E402
from minicpmo_ros.message_bytes import byte_array  # noqa: E402
from minicpmo_ros.msg import Interruption, PlaybackStatus, SpeechChunk, UserSpeech  # noqa: E402


class Stage:
    """The node and a probe."""

    def __init__(self, **parameters):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = AudioDeviceNode(parameter_overrides=overrides)
        self.probe = rclpy.create_node('probe')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.probe)
        self.user_speech, self.playback, self.health = [], [], {}
        subscribe = self.probe.create_subscription
        subscribe(UserSpeech, 'user_speech', self.user_speech.append, qos.SPEECH_ACTIVITY)
        subscribe(PlaybackStatus, 'playback', self.playback.append, qos.EVENT)
        subscribe(DiagnosticArray, '/diagnostics', self._on_health, 10)

    def _on_health(self, message):
        for status in message.status:
            self.health[status.name.split(': ')[-1]] = (status.level, status.message)

    def until(self, condition, seconds=5.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, 'waited in vain'
            self.executor.spin_once(timeout_sec=0.02)

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        self.probe.destroy_node()


@pytest.fixture
def make_stage(ros):
    stages = []

    def make(**parameters):
        stages.append(Stage(**parameters))
        return stages[-1]

    yield make
    for stage in stages:
        stage.close()


def test_a_missing_device_is_reported_and_looked_for(make_stage):
    stage = make_stage(input_device='no such device', output_device='no such device')
    stage.until(lambda: 'device' in stage.health, 8.0)
    level, message = stage.health['device']
    assert level == b'\x02' and 'still looking' in message
    chunk = SpeechChunk(
        turn_id=1, epoch=1, sample_rate=24000, channels=1, sample_format='S16LE', last=True
    )
    chunk.data = byte_array(np.full(6000, 3000, np.int16))
    publisher = stage.probe.create_publisher(SpeechChunk, 'speech', qos.STREAM)
    stage.until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(chunk)
    # Speech does not wait for the device: it would come out minutes late.
    stage.until(lambda: stage.playback and stage.playback[-1].turn_id == 1)
    stage.until(lambda: not stage.playback[-1].queued.nanosec and not stage.playback[-1].playing)


def test_a_storm_of_interruptions_before_any_speech_leaves_nothing_behind(make_stage):
    stage = make_stage(device='none')
    interrupt = stage.probe.create_publisher(Interruption, 'interruption', qos.EVENT)
    speech = stage.probe.create_publisher(SpeechChunk, 'speech', qos.STREAM)
    stage.until(
        lambda: interrupt.get_subscription_count() == 1 and speech.get_subscription_count() == 1
    )
    for number in range(100):
        interrupt.publish(Interruption(stage=number % 3, turn_id=1, epoch=1))
        if number % 5 == 0:
            stage.executor.spin_once(timeout_sec=0.02)
    interrupt.publish(Interruption(stage=Interruption.PAUSE, turn_id=1, epoch=1))  # comes late
    for _ in range(20):
        stage.executor.spin_once(timeout_sec=0.02)
    for epoch in (1, 2):
        chunk = SpeechChunk(
            turn_id=epoch, epoch=epoch, sample_rate=16000, channels=1, sample_format='S16LE'
        )
        chunk.data = byte_array(np.full(16000, 3000, np.int16))
        speech.publish(chunk)
    stage.until(lambda: stage.playback and stage.playback[-1].playing)
    assert {message.epoch for message in stage.playback if message.playing} == {2}


def test_hears_a_user_on_the_topic(make_stage, tmp_path):
    stage = make_stage(device='none')
    path = tmp_path / 'user.wav'
    text = 'Wait a moment, that is not what I asked for.'
    subprocess.run(['espeak-ng', '-v', 'en-us+m3', '-w', str(path), text], check=True)
    samples, rate = soundfile.read(path, dtype='float32')
    samples = np.concatenate([np.zeros(16000), 0.4 * soxr.resample(samples, rate, 16000)])
    audio = (samples * 32767).astype(np.int16)
    microphone = stage.probe.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
    info = stage.probe.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
    stage.until(lambda: microphone.get_subscription_count() == 1)
    info.publish(
        AudioInfo(channels=1, sample_rate=16000, sample_format='S16LE', coding_format='wave')
    )
    for _ in range(5):
        stage.executor.spin_once(timeout_sec=0.05)
    for number, begin in enumerate(range(0, audio.size - 1600, 1600)):
        message = AudioDataStamped()
        message.header.stamp.sec, tenths = divmod(number, 10)
        message.header.stamp.sec += 500
        message.header.stamp.nanosec = tenths * 100_000_000
        message.audio.data = byte_array(audio[begin : begin + 1600])
        microphone.publish(message)
        wanted = (number + 1) * 1600 // 512
        stage.until(lambda wanted=wanted: len(stage.user_speech) >= wanted)
    active = [message for message in stage.user_speech if message.active]
    assert len(active) > 20
    onset = active[0].onset.sec + active[0].onset.nanosec / 1e9
    assert onset == pytest.approx(501.0, abs=0.2)  # the speech begins after one second


def test_volume_can_be_changed_and_the_device_cannot(make_stage):
    stage = make_stage(device='none')
    (result,) = stage.node.set_parameters([Parameter('volume', value=0.5)])
    assert result.successful
    (result,) = stage.node.set_parameters([Parameter('volume', value=9.0)])
    assert not result.successful
    (result,) = stage.node.set_parameters([Parameter('device', value='sound_card')])
    assert not result.successful


def test_parameters_that_leave_no_device_are_refused(ros):
    none = [Parameter(name, value='none') for name in ('input_device', 'output_device')]
    with pytest.raises(ParameterError, match="set device to 'none'"):
        AudioDeviceNode(parameter_overrides=none)
