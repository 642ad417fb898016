# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The media node with real rclpy over DDS."""

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
import numpy as np
import pytest
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import CompressedImage, Image
import soundfile
from std_msgs.msg import Bool

from minicpmo_ros import qos
from minicpmo_ros.demo.topic_recorder import TopicRecorder
from minicpmo_ros.errors import MediaError
from minicpmo_ros.media_node import MediaNode
from minicpmo_ros.message_bytes import byte_array, read_bytes
from minicpmo_ros.msg import DuplexState
from minicpmo_ros.stamp import nanoseconds_of, time_message
from tests.node.node_harness import Harness

STORE = get_typestore(Stores.ROS2_JAZZY)


@pytest.fixture
def voice(tmp_path):
    path = tmp_path / 'voice.wav'
    soundfile.write(path, np.linspace(-0.5, 0.5, 8000), 16000)
    return path


@pytest.fixture
def play(ros):
    harnesses = []

    def make(source, **parameters) -> Harness:
        values = {'source': str(source), 'wait_for_assistant': False, **parameters}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = MediaNode(parameter_overrides=overrides)
        harness = Harness(node)
        harnesses.append(harness)
        return harness

    yield make
    for harness in harnesses:
        harness.__exit__()


def test_sound_file_is_a_microphone(play, voice):
    harness = play(voice)
    audio = harness.collect(AudioDataStamped, 'audio', qos.MICROPHONE)
    info = harness.collect(AudioInfo, 'audio_info', qos.AUDIO_INFO)
    finished = harness.collect(Bool, 'media_node/finished', qos.STATE)
    harness.__enter__()
    harness.wait(lambda: finished and finished[-1].data, 'the end of the media')
    harness.wait(lambda: len(audio) == 25, 'all 25 pieces')
    samples = np.concatenate([read_bytes(m.audio.data).view(np.int16) for m in audio])
    assert np.all(np.diff(samples.astype(int)) >= 0) and len(samples) == 8000
    stamps = np.array([nanoseconds_of(m.header.stamp) for m in audio])
    assert set(np.diff(stamps)) == {20_000_000}
    assert (info[0].sample_rate, info[0].channels, info[0].coding_format) == (16000, 1, 'wave')


def test_media_waits_for_the_assistant(play, voice):
    harness = play(voice, wait_for_assistant=True)
    audio = harness.collect(AudioDataStamped, 'audio', qos.MICROPHONE)
    harness.__enter__()
    state = harness.publisher(DuplexState, 'duplex_state', qos.STATE)
    state.publish(DuplexState(state=DuplexState.INACTIVE))
    with pytest.raises(AssertionError, match='in vain'):
        harness.wait(lambda: audio, 'sound too early', timeout=1.0)
    state.publish(DuplexState(state=DuplexState.LISTENING))
    harness.wait(lambda: audio, 'sound')


def recorded_bag(path) -> None:
    recorder = TopicRecorder(path)
    for number in range(3):
        time = 1_000_000_000 + number * 200_000_000
        image = Image(height=2, width=2, encoding='mono8', step=2, data=byte_array(bytes(4)))
        image.data[0] = number
        image.header.stamp = time_message(time)
        recorder.write('/cam', 'sensor_msgs/msg/Image', serialize_message(image), time)
        sound = AudioDataStamped()
        sound.audio.data = byte_array(np.full(3200, number, np.int16))
        data = serialize_message(sound)
        recorder.write('/mic', 'audio_common_msgs/msg/AudioDataStamped', data, time)
    recorder.close()


def recorded_sqlite_bag(path, source) -> None:
    """Copy an mcap recording to the older storage of rosbag2."""
    with AnyReader([source], default_typestore=STORE) as reader, Writer(path, version=8) as bag:
        for connection in reader.connections:
            definition = connection.msgdef.data
            types = get_types_from_msg(definition, connection.msgtype)
            store = get_typestore(Stores.EMPTY)
            store.register({**STORE.fielddefs, **types})
            target = bag.add_connection(connection.topic, connection.msgtype, typestore=store)
            for _, time, data in reader.messages([connection]):
                bag.write(target, time, data)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_recording_is_played_as_it_was(play, tmp_path, storage):
    path = tmp_path / 'talk.mcap'
    recorded_bag(path)
    if storage == 'sqlite3':
        recorded_sqlite_bag(tmp_path / 'bag', path)
        path = tmp_path / 'bag'
    harness = play(path)
    images = harness.collect(Image, 'image', qos.MICROPHONE)
    audio = harness.collect(AudioDataStamped, 'audio', qos.MICROPHONE)
    harness.__enter__()
    harness.wait(lambda: len(images) == 3 and len(audio) == 3, 'all messages')
    assert [m.data[0] for m in images] == [0, 1, 2] and images[0].encoding == 'mono8'
    stamps = [nanoseconds_of(m.header.stamp) for m in images]
    assert np.diff(stamps).tolist() == [200_000_000, 200_000_000]
    assert stamps[0] > 1e18, 'stamps are of now, not of the recording'


def test_pictures_can_be_compressed(play, tmp_path):
    from PIL import Image as Picture

    Picture.new('RGB', (32, 24), (250, 0, 0)).save(tmp_path / 'a.png')
    harness = play(tmp_path, image_transport='compressed')
    images = harness.collect(CompressedImage, 'image/compressed', qos.CAMERA)
    harness.__enter__()
    harness.wait(lambda: images, 'a picture')
    assert bytes(images[0].data[:2]) == b'\xff\xd8'


def test_missing_media_is_an_error_at_start(ros):
    with pytest.raises(MediaError, match='does not exist'):
        MediaNode(parameter_overrides=[Parameter('source', value='/no/such.mp4')])
