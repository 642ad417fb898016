# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from array import array
from types import SimpleNamespace as Fields

import numpy as np
import pytest

from minicpmo_ros.errors import MessageError
from minicpmo_ros.perception.audio_message import (
    SAMPLE_FORMATS,
    read_drivers,
    read_info,
    read_portaudio,
    reader_for,
)

WAVE = np.sin(np.arange(400) / 10) * 0.5


def info(**changes):
    values = {
        'channels': 1,
        'sample_rate': 16000,
        'sample_format': 'S16LE',
        'bitrate': 0,
        'coding_format': 'wave',
    }
    return Fields(**{**values, **changes})


def drivers_message(samples):
    return Fields(audio=Fields(data=array('B', np.ascontiguousarray(samples).tobytes())))


def portaudio_message(code, field, samples, rate=16000, channels=1):
    names = ('float32_data', 'int32_data', 'int16_data', 'int8_data', 'uint8_data')
    data = Fields(**{name: [] for name in names})
    setattr(data, field, samples)
    description = Fields(format=code, channels=channels, rate=rate, chunk=512)
    return Fields(audio=Fields(audio_data=data, info=description))


def as_float(sound):
    return sound.samples / 32768 if sound.samples.dtype == np.int16 else sound.samples


@pytest.mark.parametrize('name', SAMPLE_FORMATS)
def test_every_format_of_ros_drivers(name):
    dtype, full_scale = SAMPLE_FORMATS[name]
    middle = 128 if name == 'U8' else 0
    samples = (WAVE * full_scale + middle).astype(dtype)
    sound = read_drivers(drivers_message(samples), read_info(info(sample_format=name)))
    np.testing.assert_allclose(as_float(sound), WAVE, atol=0.01 if '8' in name else 1e-4)


def test_mono_int16_is_passed_on_bit_by_bit():
    samples = (WAVE * 30000).astype('<i2')
    sound = read_drivers(drivers_message(samples), read_info(info(sample_rate=48000)))
    assert sound.rate == 48000
    assert sound.samples.dtype == np.int16
    assert np.array_equal(sound.samples, samples)


def test_channels_are_averaged():
    stereo = np.stack((WAVE, -0.5 * WAVE), axis=1).astype('<f4')
    description = read_info(info(channels=2, sample_format='F32LE'))
    sound = read_drivers(drivers_message(stereo), description)
    np.testing.assert_allclose(sound.samples, 0.25 * WAVE, atol=1e-6)


@pytest.mark.parametrize(
    ('code', 'field', 'dtype', 'scale', 'middle'),
    [
        (1, 'float32_data', 'f4', 1.0, 0),
        (2, 'int32_data', 'i4', 2.0**31, 0),
        (8, 'int16_data', 'i2', 2.0**15, 0),
        (16, 'int8_data', 'i1', 2.0**7, 0),
        (32, 'uint8_data', 'u1', 2.0**7, 128),
    ],
)
def test_every_format_of_mgonzs13(code, field, dtype, scale, middle):
    samples = (WAVE * scale + middle).astype(dtype)
    values = array({'f4': 'f', 'i4': 'i', 'i2': 'h', 'i1': 'b', 'u1': 'B'}[dtype])
    values.frombytes(samples.tobytes())
    sound = read_portaudio(portaudio_message(code, field, values))
    np.testing.assert_allclose(as_float(sound), WAVE, atol=0.01 if scale < 200 else 1e-4)


def test_reader_follows_the_message_type():
    class AudioStamped:
        pass

    class AudioDataStamped:
        pass

    sound = reader_for(AudioStamped)(portaudio_message(8, 'int16_data', array('h', [1])), None)
    assert sound.samples.tolist() == [1]
    assert reader_for(AudioDataStamped) is read_drivers


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'coding_format': 'mp3'}, 'format:=wave'),
        ({'sample_format': 'S24LE'}, 'S24LE'),
        ({'sample_format': ''}, 'unknown'),
        ({'sample_rate': 0}, '0 Hz'),
        ({'sample_rate': 4_000_000_000}, '4000000000 Hz'),
        ({'channels': 0}, '0 channels'),
        ({'channels': 255}, '255 channels'),
    ],
)
def test_unusable_description_is_named(changes, reason):
    with pytest.raises(MessageError, match=reason):
        read_info(info(**changes))


@pytest.mark.parametrize(
    ('samples', 'changes', 'reason'),
    [
        (np.zeros(3, 'u1'), {}, '3 bytes'),
        (np.zeros(0, 'u1'), {}, 'no samples'),
        (np.zeros(6, 'u1'), {'channels': 2}, '6 bytes'),
        (np.zeros(200_000, '<i2'), {}, 'longer'),
        (np.array([0, np.nan], '<f4'), {'sample_format': 'F32LE'}, 'NaN'),
        (np.array([0, np.inf], '<f4'), {'sample_format': 'F32LE'}, 'infinity'),
        (np.array([0, 12000], '<f4'), {'sample_format': 'F32LE'}, '12000'),
    ],
)
def test_malformed_samples_are_named(samples, changes, reason):
    with pytest.raises(MessageError, match=reason):
        read_drivers(drivers_message(samples), read_info(info(**changes)))


def test_missing_description_is_named():
    with pytest.raises(MessageError, match='audio_info'):
        read_drivers(drivers_message(np.zeros(4, 'u1')), None)


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'code': 4}, 'format 4'),
        ({'rate': -1}, '-1 Hz'),
        ({'channels': -3}, '-3 channels'),
        ({'channels': 7}, '7 channels'),
        ({'field': 'uint8_data'}, 'no samples'),
    ],
)
def test_malformed_portaudio_message_is_named(options, reason):
    values = {'code': 8, 'field': 'int16_data', 'samples': array('h', range(8)), **options}
    if values['field'] == 'uint8_data':
        values['samples'] = array('B', range(8))
    with pytest.raises(MessageError, match=reason):
        read_portaudio(portaudio_message(**values))
