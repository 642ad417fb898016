# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Both nodes and a scripted conversation, over real topics."""

import math
import time

import numpy as np
import pytest

from minicpmo_ros import qos

rclpy = pytest.importorskip('rclpy', reason='needs ROS 2: make setup')

from audio_common_msgs.msg import AudioDataStamped, AudioInfo  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402
from std_srvs.srv import SetBool, Trigger  # noqa: E402

from minicpmo_ros.audio_device_node import AudioDeviceNode  # noqa: E402
from minicpmo_ros.bridge_node import BridgeNode  # noqa: E402
from minicpmo_ros.message_bytes import byte_array  # noqa: E402
from minicpmo_ros.msg import (  # noqa: E402
    DuplexState,
    Interruption,
    PlaybackStatus,
    SpeechChunk,
    UserSpeech,
)
from minicpmo_ros.stamp import duration_message, seconds_of  # noqa: E402

RATE = 24000


class Stage:
    """The two nodes with a third that plays model, microphone and audience."""

    def __init__(self, parameters=()):
        none = Parameter('device', value='none')
        self.player = AudioDeviceNode(parameter_overrides=[none])
        self.bridge = BridgeNode(parameter_overrides=list(parameters))
        self.probe = rclpy.create_node('probe')
        self.nodes = [self.player, self.bridge, self.probe]
        self.executor = SingleThreadedExecutor()
        for node in self.nodes:
            self.executor.add_node(node)
        self.interruptions, self.playback, self.speaking = [], [], []
        publisher, subscribe = self.probe.create_publisher, self.probe.create_subscription
        self.speech = publisher(SpeechChunk, 'speech', qos.STREAM)
        self.state = publisher(DuplexState, 'duplex_state', qos.STATE)
        self.user = publisher(UserSpeech, 'user_speech', qos.SPEECH_ACTIVITY)
        self.emergency = publisher(Bool, 'emergency_stop', qos.EMERGENCY_STOP)
        self.interrupt = publisher(Interruption, 'interruption', qos.EVENT)
        subscribe(Interruption, 'interruption', self.interruptions.append, qos.EVENT)
        subscribe(PlaybackStatus, 'playback', self.playback.append, qos.EVENT)
        subscribe(Bool, 'is_speaking', lambda m: self.speaking.append(m.data), qos.STATE)
        self.until(lambda: self.speech.get_subscription_count() == 2, 5.0)
        self.until(lambda: self.user.get_subscription_count() == 1, 5.0)
        self.until(lambda: self.interrupt.get_subscription_count() >= 3, 5.0)

    def until(self, condition, seconds):
        """Spin until something is true; fail loudly when it never is."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, 'waited in vain'
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.01)

    def model_speaks(self, turn=1, epoch=1, seconds=3.0, text='one two three four five six'):
        self.state.publish(DuplexState(state=DuplexState.SPEAKING, turn_id=turn, epoch=epoch))
        chunk = SpeechChunk(
            turn_id=turn, epoch=epoch, sample_rate=RATE, channels=1, sample_format='S16LE'
        )
        chunk.data = byte_array(np.full(int(seconds * RATE), 3000, np.int16))
        chunk.text, chunk.last = text, True
        self.speech.publish(chunk)

    def user_speaks(self, seconds, probability=0.95):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.user.publish(
                UserSpeech(active=probability > 0.5, probability=probability, level=-25.0)
            )
            self.spin(0.032)

    @property
    def playing(self):
        return bool(self.playback) and self.playback[-1].playing

    @property
    def stages(self):
        return [message.stage for message in self.interruptions]

    def close(self):
        for node in self.nodes:
            self.executor.remove_node(node)
            node.destroy_node()
        self.executor.shutdown()


@pytest.fixture
def stage(ros):
    stage = Stage([Parameter('barge_in.start_guard', value=0.0)])
    yield stage
    stage.close()


def test_interruption_stops_the_voice_and_tells_what_was_heard(stage):
    stage.model_speaks()
    stage.until(lambda: stage.playing, 2.0)
    stage.spin(0.8)
    stage.user_speaks(0.2)
    assert stage.stages == [Interruption.PAUSE]
    assert not stage.playing and stage.playback[-1].paused
    stage.user_speaks(1.0)
    assert stage.stages == [Interruption.PAUSE, Interruption.CONFIRM]
    cut = stage.interruptions[-1]
    assert (cut.turn_id, cut.epoch, cut.reason) == (1, 1, Interruption.USER_SPEECH)
    played = seconds_of(cut.played)
    assert 0.7 < played < 1.4
    assert played == pytest.approx(seconds_of(stage.playback[-1].played), abs=0.03)
    assert cut.heard_text and 'one two three four five six'.startswith(cut.heard_text)
    assert stage.playback[-1].queued == duration_message(0.0)
    assert stage.speaking[-1] is False and True in stage.speaking


def test_backchannel_resumes_where_it_stopped(stage):
    stage.model_speaks(seconds=2.0)
    stage.until(lambda: stage.playing, 2.0)
    stage.spin(0.3)
    stage.user_speaks(0.3)
    stage.user_speaks(0.6, probability=0.01)
    assert stage.stages == [Interruption.PAUSE, Interruption.RESUME]
    stage.until(lambda: seconds_of(stage.playback[-1].played) > 1.99, 4.0)


def test_stale_speech_after_the_cut_is_not_played(stage):
    stage.model_speaks()
    stage.until(lambda: stage.playing, 2.0)
    client = stage.probe.create_client(Trigger, 'bridge_node/interrupt')
    future = client.call_async(Trigger.Request())
    stage.until(future.done, 3.0)
    assert future.result().success
    stage.until(lambda: not stage.playing, 1.0)
    stage.model_speaks(turn=1, epoch=1)
    stage.spin(0.3)
    assert not stage.playing
    stage.model_speaks(turn=2, epoch=2)
    stage.until(lambda: stage.playing, 1.0)


def test_emergency_stop_silences_every_turn_until_it_is_cleared(stage):
    stage.until(lambda: stage.emergency.get_subscription_count() == 1, 3.0)
    stage.emergency.publish(Bool(data=True))
    stage.until(lambda: Interruption.CONFIRM in stage.stages, 1.0)
    stage.model_speaks(turn=2, epoch=2)
    stage.spin(0.5)
    assert not stage.playing
    assert stage.interruptions[-1].epoch == 2
    assert stage.interruptions[-1].reason == Interruption.EMERGENCY_STOP
    stage.emergency.publish(Bool(data=False))
    stage.spin(0.2)
    stage.model_speaks(turn=3, epoch=3)
    stage.until(lambda: stage.playing, 1.0)


def test_a_yield_of_the_model_flushes_without_a_word_of_the_bridge(stage):
    stage.model_speaks()
    stage.until(lambda: stage.playing, 2.0)
    stage.interrupt.publish(
        Interruption(
            stage=Interruption.CONFIRM,
            turn_id=1,
            epoch=1,
            reason=Interruption.MODEL_YIELD,
            confidence=math.nan,
            source='inference_node',
        )
    )
    stage.until(lambda: not stage.playing, 1.0)
    assert len(stage.interruptions) == 1


def test_storm_of_interruptions_leaves_nothing_behind(stage):
    stage.model_speaks()
    stage.until(lambda: stage.playing, 2.0)
    for number in range(200):
        message = Interruption(stage=number % 3, turn_id=1, epoch=1, source='probe')
        stage.interrupt.publish(message)
        if number % 10 == 0:
            stage.spin(0.02)
    stage.spin(0.3)
    assert not stage.playing
    stage.interrupt.publish(Interruption(stage=Interruption.RESUME, epoch=1, source='probe'))
    stage.model_speaks(turn=2, epoch=2)
    stage.until(lambda: stage.playing, 1.0)


def test_malformed_speech_is_reported_and_the_next_piece_plays(stage):
    for changes in ({'channels': 2}, {'sample_format': 'F32LE'}, {'data': byte_array(b'abc')}):
        chunk = SpeechChunk(
            turn_id=1, epoch=1, sample_rate=RATE, channels=1, sample_format='S16LE'
        )
        for name, value in changes.items():
            setattr(chunk, name, value)
        stage.speech.publish(chunk)
    stage.model_speaks()
    stage.until(lambda: stage.playing, 2.0)


def test_interruption_before_any_speech_and_after_the_end(stage):
    stage.user_speaks(1.2)
    assert stage.stages == []
    stage.model_speaks(seconds=0.3)
    stage.until(lambda: stage.playing, 2.0)
    stage.state.publish(DuplexState(state=DuplexState.LISTENING, turn_id=1, epoch=1))
    stage.until(lambda: not stage.playing, 2.0)
    stage.spin(0.2)
    stage.user_speaks(1.2)
    assert stage.stages == []


def test_push_to_talk_button(ros):
    stage = Stage([Parameter('barge_in.mode', value='push_to_talk')])
    try:
        stage.model_speaks()
        stage.until(lambda: stage.playing, 2.0)
        stage.user_speaks(1.2)
        assert stage.stages == []
        client = stage.probe.create_client(SetBool, 'bridge_node/push_to_talk')
        future = client.call_async(SetBool.Request(data=True))
        stage.until(future.done, 3.0)
        assert future.result().success
        stage.until(lambda: not stage.playing, 1.0)
        assert stage.stages == [Interruption.CONFIRM]
    finally:
        stage.close()


def test_stop_phrase_cuts_without_the_detector_or_the_model(ros, tmp_path):
    import subprocess

    import soundfile
    import soxr

    path = tmp_path / 'phrase.wav'
    subprocess.run(['espeak-ng', '-v', 'en-us+f4', '-w', str(path), 'Be quiet!'], check=True)
    samples, rate = soundfile.read(path, dtype='float32')
    samples = 0.4 * soxr.resample(samples, rate, 16000)
    noise = np.random.default_rng(1).normal(0.0, 3e-4, samples.size + 32000)
    noise[16000 : 16000 + samples.size] += samples
    audio = (noise * 32767).astype(np.int16)
    stage = Stage([Parameter('barge_in.mode', value='never')])
    try:
        microphone = stage.probe.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
        info = stage.probe.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
        stage.until(lambda: microphone.get_subscription_count() == 2, 5.0)
        info.publish(
            AudioInfo(channels=1, sample_rate=16000, sample_format='S16LE', coding_format='wave')
        )
        stage.model_speaks(seconds=8.0)
        stage.until(lambda: stage.playing, 2.0)
        for number, begin in enumerate(range(0, audio.size - 320, 320)):
            message = AudioDataStamped()
            message.header.stamp.sec = 100 + number // 50
            message.header.stamp.nanosec = number % 50 * 20_000_000
            message.audio.data = byte_array(audio[begin : begin + 320])
            microphone.publish(message)
            stage.executor.spin_once(timeout_sec=0.005)
            stage.executor.spin_once(timeout_sec=0.005)
        stage.until(lambda: Interruption.CONFIRM in stage.stages, 3.0)
        assert stage.interruptions[0].reason == Interruption.STOP_PHRASE
        stage.until(lambda: not stage.playing, 1.0)
    finally:
        stage.close()


class ForeignPlayer:
    """Somebody else's microphone and loudspeaker around the bridge."""

    def __init__(self, node):
        self.pieces = []
        self.speech = node.create_publisher(SpeechChunk, 'speech', qos.STREAM)
        self.microphone = node.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
        self.info = node.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
        self.interrupt = node.create_publisher(Interruption, 'interruption', qos.EVENT)
        self.user_speech = []
        node.create_subscription(
            AudioDataStamped,
            'speech/audio',
            lambda message: self.pieces.append((time.monotonic(), len(message.audio.data))),
            qos.STREAM,
        )
        node.create_subscription(
            UserSpeech, 'user_speech', self.user_speech.append, qos.SPEECH_ACTIVITY
        )


def spin_until(executor, condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        executor.spin_once(timeout_sec=0.02)


def test_foreign_audio_nodes_get_short_pieces_that_stop_at_once(ros):
    bridge = BridgeNode(parameter_overrides=[Parameter('use_audio_devices', value=False)])
    probe = rclpy.create_node('probe')
    executor = SingleThreadedExecutor()
    executor.add_node(bridge)
    executor.add_node(probe)
    try:
        player = ForeignPlayer(probe)
        spin_until(executor, lambda: player.speech.get_subscription_count() == 2, 5.0)
        spin_until(executor, lambda: player.interrupt.get_subscription_count() >= 2, 5.0)
        chunk = SpeechChunk(
            turn_id=1, epoch=1, sample_rate=RATE, channels=1, sample_format='S16LE', last=True
        )
        chunk.data = byte_array(np.full(3 * RATE, 3000, np.int16))
        begun = time.monotonic()
        player.speech.publish(chunk)
        spin_until(executor, lambda: len(player.pieces) >= 40, 5.0)
        # 40 pieces of 20 ms took about their own time: nothing is sent ahead of real time.
        assert 0.5 < time.monotonic() - begun < 3.0
        assert {size for _, size in player.pieces} == {640}  # 20 ms of int16 at 16 kHz
        player.interrupt.publish(
            Interruption(stage=Interruption.CONFIRM, turn_id=1, epoch=1, source='probe')
        )
        cut = time.monotonic()
        spin_until(executor, lambda: time.monotonic() > cut + 0.5, 1.0)
        assert max(moment for moment, _ in player.pieces) < cut + 0.2
    finally:
        executor.shutdown()
        bridge.destroy_node()
        probe.destroy_node()


def test_the_bridge_detects_speech_on_a_foreign_microphone(ros):
    bridge = BridgeNode(parameter_overrides=[Parameter('use_audio_devices', value=False)])
    probe = rclpy.create_node('probe')
    executor = SingleThreadedExecutor()
    executor.add_node(bridge)
    executor.add_node(probe)
    try:
        player = ForeignPlayer(probe)
        spin_until(executor, lambda: player.microphone.get_subscription_count() == 2, 5.0)
        player.info.publish(
            AudioInfo(channels=1, sample_rate=48000, sample_format='S16LE', coding_format='wave')
        )
        silence = AudioDataStamped()
        silence.audio.data = byte_array(np.zeros(4800, np.int16))
        for _ in range(20):
            player.microphone.publish(silence)
            executor.spin_once(timeout_sec=0.02)
        spin_until(executor, lambda: len(player.user_speech) >= 10, 5.0)
        assert not any(message.active for message in player.user_speech)
        broken = AudioDataStamped()
        broken.audio.data = byte_array(b'abc')
        player.microphone.publish(broken)
        before = len(player.user_speech)
        player.microphone.publish(silence)
        spin_until(executor, lambda: len(player.user_speech) > before, 5.0)
    finally:
        executor.shutdown()
        bridge.destroy_node()
        probe.destroy_node()
