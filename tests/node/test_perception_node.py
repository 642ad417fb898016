# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The perception node with real rclpy over DDS."""

from array import array
import threading
import time

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from minicpmo_ros import qos
from minicpmo_ros.message_bytes import byte_array
from minicpmo_ros.msg import OmniUnit, UserSpeech
from minicpmo_ros.perception.encoded_picture import decode, encode_jpeg
from minicpmo_ros.perception_node import PerceptionNode
from minicpmo_ros.stamp import nanoseconds_of, time_message
from tests.node.node_harness import Harness

BLOCK = 1600  # 100 ms: a test sends many times faster than real time
SECOND = 1_000_000_000


class Rig:
    """A perception node, its sources and the units it publishes."""

    def __init__(self, **parameters):
        # Tests send at their own pace: a slow one is no broken microphone.
        parameters.setdefault('audio_timeout', 0.0)
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = PerceptionNode(parameter_overrides=overrides)
        self.harness = Harness(self.node)
        self.start = time.time_ns()
        self.units = []

    def __enter__(self):
        self.harness.__enter__()
        self.units = self.harness.collect(OmniUnit, 'omni_unit', qos.STREAM)
        self.diagnostics = self.harness.collect(DiagnosticArray, '/diagnostics', 10)
        if self.node.microphone is not None:
            self.audio = self.harness.publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
            self.info = self.harness.publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO)
        kind = Image if self.node.parameters.image_transport == 'raw' else CompressedImage
        topic = 'image' if kind is Image else 'image/compressed'
        self.camera = self.harness.publisher(kind, topic, qos.CAMERA)
        name = 'omni_unit'
        self.harness.wait(
            lambda: self.node.count_subscribers(name) > 0, 'the observer of the units'
        )
        return self

    def __exit__(self, *error):
        self.harness.__exit__(*error)

    def describe(self, rate=16000, channels=1, sample_format='S16LE', coding='wave'):
        self.info.publish(
            AudioInfo(
                channels=channels,
                sample_rate=rate,
                sample_format=sample_format,
                coding_format=coding,
            )
        )
        self.harness.wait(lambda: self.node.microphone.described, 'the audio_info')

    def hear(self, begin, end, value=100, block=BLOCK):
        """Send int16 sound of [begin, end) blocks, waiting for each to arrive."""
        for number in range(begin, end):
            message = AudioDataStamped()
            message.header.stamp = time_message(self.start + number * block * SECOND // 16000)
            message.header.frame_id = 'ears'
            message.audio.data = byte_array(np.full(block, value, np.int16))
            before = self.node.microphone.received
            self.audio.publish(message)
            self.harness.wait(
                lambda count=before: self.node.microphone.received > count, 'sound', 2.0
            )

    def see(self, seconds, message=None):
        message = message or picture_message()
        message.header.stamp = time_message(self.start + int(seconds * SECOND))
        message.header.frame_id = 'camera'
        before = self.node.camera.received
        self.camera.publish(message)
        self.harness.wait(lambda: self.node.camera.received > before, 'a frame', 2.0)

    def wait_units(self, count):
        self.harness.wait(lambda: len(self.units) >= count, f'{count} units')
        return self.units

    def wait_status(self, name, text):
        """Return the first diagnostic of this name whose message contains the text."""

        def found():
            return [
                status
                for array_message in self.diagnostics
                for status in array_message.status
                if status.name.endswith(name) and text in status.message
            ]

        self.harness.wait(found, f'a diagnostic {name} with {text!r}')
        return found()[0]


def picture_message(height=48, width=64, value=90):
    message = Image(height=height, width=width, encoding='rgb8', step=width * 3)
    message.data = byte_array(np.full(height * width * 3, value, np.uint8))
    return message


def test_unit_holds_sound_and_newest_picture(ros):
    with Rig(picture_lead=0.05) as rig:
        rig.describe()
        for tenth in range(10):
            rig.see(tenth / 10 + 0.05, picture_message(value=20 * tenth))
            rig.hear(tenth, tenth + 1)
        unit = rig.wait_units(1)[0]
    assert unit.unit_index == 0
    assert unit.header.frame_id == 'ears'
    assert unit.sample_rate == 16000
    assert np.array_equal(np.frombuffer(unit.audio, np.int16), np.full(16000, 100))
    assert abs(nanoseconds_of(unit.header.stamp) - rig.start) < 1000
    assert abs(nanoseconds_of(unit.audio_end) - rig.start - SECOND) < 1000
    assert (len(unit.images), unit.images_dropped) == (1, 9)
    picture = unit.images[0]
    assert picture.format == 'jpeg'
    assert picture.header.frame_id == 'camera'
    assert nanoseconds_of(picture.header.stamp) == rig.start + 950_000_000
    pixels = decode('jpeg', picture.data)
    assert pixels.shape == (48, 64, 3)
    assert abs(int(pixels.mean()) - 180) <= 2
    assert np.isnan(unit.speech_fraction)
    assert nanoseconds_of(unit.inserted_silence) == 0


def test_pictures_are_prepared_before_the_end_of_the_unit(ros):
    with Rig(picture_lead=0.2) as rig:
        rig.describe()
        rig.see(0.5)
        rig.hear(0, 9)
        rig.harness.wait(lambda: rig.node._prepared, 'the prepared picture')
        rig.see(0.95)
        rig.hear(9, 10)
        unit = rig.wait_units(1)[0]
    assert nanoseconds_of(unit.images[0].header.stamp) == rig.start + SECOND // 2
    assert unit.images_dropped == 1


def test_large_frames_are_thinned_out_and_units_still_have_theirs(ros):
    with Rig(large_frame_rate=5.0, picture_lead=0.0) as rig:
        rig.describe()
        large = picture_message(1000, 1000)
        begin = time.monotonic()
        for number in range(30):
            large.header.stamp = time_message(rig.start + number * SECOND // 30)
            rig.camera.publish(large)
            time.sleep(max(begin + number / 30 - time.monotonic(), 0))
        elapsed = time.monotonic() - begin
        rig.hear(0, 10)
        unit = rig.wait_units(1)[0]
    assert 2 <= rig.node.camera.received <= 5 * elapsed + 3
    assert rig.node.camera.thinned
    assert len(unit.images) == 1


def test_large_pictures_are_reduced(ros):
    with Rig(image_max_side=320) as rig:
        rig.describe()
        rig.see(0.5, picture_message(480, 640))
        rig.hear(0, 10)
        picture = rig.wait_units(1)[0].images[0]
    assert decode('jpeg', picture.data).shape == (240, 320, 3)


def test_compressed_transport(ros):
    with Rig(image_transport='compressed') as rig:
        rig.describe()
        data = byte_array(encode_jpeg(np.full((96, 128, 3), 50, np.uint8), 90))
        rig.see(0.5, CompressedImage(format='rgb8; jpeg compressed bgr8', data=data))
        rig.hear(0, 10)
        picture = rig.wait_units(1)[0].images[0]
    assert decode('jpeg', picture.data).shape == (96, 128, 3)


@pytest.mark.parametrize('rate', [48000, 44100])
def test_other_rates_and_channels_are_resampled(ros, rate):
    with Rig() as rig:
        rig.describe(rate=rate, channels=2, sample_format='F32LE')
        block = rate // 10
        for number in range(21):
            time_of = np.arange(number * block, (number + 1) * block) / rate
            wave = 0.5 * np.sin(2 * np.pi * 440 * time_of)
            message = AudioDataStamped()
            message.header.stamp = time_message(rig.start + number * SECOND // 10)
            stereo = np.stack((wave, wave), axis=1).astype('<f4')
            message.audio.data = array('B', stereo.tobytes())
            rig.audio.publish(message)
            time.sleep(0.002)
        units = rig.wait_units(2)
    heard = np.concatenate([np.frombuffer(unit.audio, np.int16) for unit in units])
    expected = 16384 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    assert np.abs(heard[100:] - expected[100:]).max() < 40


def test_camera_alone_makes_units_on_the_clock(ros):
    with Rig(use_audio=False) as rig:
        for tenth in range(25):
            rig.see(tenth / 10)
        units = rig.wait_units(2)
    assert [unit.unit_index for unit in units[:2]] == [0, 1]
    assert all(len(unit.images) == 1 for unit in units[:2])
    assert all(nanoseconds_of(unit.inserted_silence) == SECOND for unit in units[:2])


def test_microphone_alone_makes_units_without_pictures(ros):
    with Rig() as rig:
        rig.describe()
        rig.hear(0, 20)
        units = rig.wait_units(2)
    assert [len(unit.images) for unit in units] == [0, 0]


def test_lost_blocks_are_silence_and_reported(ros):
    with Rig() as rig:
        rig.describe()
        rig.hear(0, 5)
        rig.hear(7, 20)
        unit = rig.wait_units(1)[0]
        rig.wait_status('messages', 'replaced by silence')
    assert nanoseconds_of(unit.inserted_silence) == 200_000_000


def test_user_speech_closes_a_unit_early(ros):
    with Rig(close_on_speech_end=True) as rig:
        rig.describe()
        speech = rig.harness.publisher(UserSpeech, 'user_speech', qos.SPEECH_ACTIVITY)
        rig.hear(0, 6)
        for tenths, active in ((1, True), (3, True), (5, True), (6, False)):
            message = UserSpeech(active=active)
            message.header.stamp = time_message(rig.start + tenths * SECOND // 10)
            speech.publish(message)
        unit = rig.wait_units(1)[0]
        rig.hear(6, 16)
        after = rig.wait_units(2)[1]
    assert unit.closed_early
    assert unit.speech_fraction > 0.5
    assert not np.frombuffer(unit.audio, np.int16)[9600:].any()
    assert after.header.stamp == unit.audio_end
    assert not after.closed_early


def test_compressed_sound_is_refused_with_the_remedy(ros):
    with Rig() as rig:
        rig.describe(coding='mp3')
        rig.hear(0, 3)
        status = rig.wait_status('messages', 'format:=wave')
        assert '/audio_info' in status.message
        rig.describe()
        rig.harness.wait(lambda: rig.node.microphone.sound_format, 'the new audio_info')
        rig.hear(10, 20)
        assert len(rig.wait_units(1)) == 1


def test_sound_from_before_its_description_is_kept(ros):
    with Rig() as rig:
        rig.hear(0, 3)
        rig.describe()
        rig.hear(3, 10)
        unit = rig.wait_units(1)[0]
    assert abs(nanoseconds_of(unit.header.stamp) - rig.start) < 1000
    assert not rig.node.rejections.entries()


def test_broken_picture_is_reported_and_the_next_one_works(ros):
    with Rig() as rig:
        rig.describe()
        broken = picture_message()
        broken.step = 7
        rig.see(0.5, broken)
        rig.hear(0, 10)
        rig.see(1.5)
        rig.hear(10, 20)
        units = rig.wait_units(2)
        status = rig.wait_status('messages', 'step 7')
    assert [len(unit.images) for unit in units] == [0, 1]
    assert units[0].images_dropped == 1
    assert '/image' in status.message


def test_two_publishers_are_reported(ros):
    with Rig() as rig:
        rig.describe()
        second = rig.harness.publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
        rig.hear(0, 10)
        rig.wait_status('microphone', 'more than one publisher')
        assert second is not None


def test_parameters_change_while_running(ros):
    with Rig() as rig:
        rig.describe()
        assert rig.node.set_parameters([Parameter('images_per_unit', value=2)])[0].successful
        bad = rig.node.set_parameters([Parameter('jpeg_quality', value=0)])[0]
        assert not bad.successful
        for tenth in range(10):
            rig.see(tenth / 10)
            rig.hear(tenth, tenth + 1)
        assert len(rig.wait_units(1)[0].images) == 2


def test_diagnostics_tell_rates_and_level(ros):
    with Rig() as rig:
        rig.describe()
        rig.hear(0, 20)
        status = rig.wait_status('microphone', 'running')
        values = {pair.key: pair.value for pair in status.values}
        assert float(values['rate at 16 kHz [samples/s]']) > 0
        assert rig.wait_status('camera', 'has a publisher but nothing arrives')


def test_paused_simulation_makes_no_units(ros):
    with Rig(use_sim_time=True, use_audio=False) as rig:
        clock = rig.harness.publisher(Clock, '/clock', 10)
        rig.start = 5000 * SECOND

        def advance(seconds):
            message = Clock(clock=time_message(rig.start + int(seconds * SECOND)))
            clock.publish(message)
            now = nanoseconds_of(message.clock)
            rig.harness.wait(
                lambda: rig.node.get_clock().now().nanoseconds == now, 'the simulated time'
            )

        advance(0.0)
        rig.see(0.0)
        time.sleep(0.5)
        assert not rig.units
        for tenth in range(1, 35):
            advance(tenth / 10)
        units = rig.wait_units(2)
        count = len(units)
        time.sleep(0.5)
        assert len(rig.units) <= count + 1
    assert nanoseconds_of(units[0].header.stamp) == rig.start


def test_thread_ends_with_the_node(ros):
    node = PerceptionNode()
    threads = [thread for thread in threading.enumerate() if thread.name == 'perception']
    assert len(threads) == 1
    node.destroy_node()
    assert not threads[0].is_alive()
