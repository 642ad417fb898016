# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the sound of both packages that are called ``audio_common_msgs``.

ros-drivers: ``AudioDataStamped`` has raw bytes, ``AudioInfo`` on another topic says what they are.
mgonzs13: ``AudioStamped`` has one typed array and the description in every message.
Only the fields of the messages are used, so neither package has to be installed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from minicpmo_ros.audio.resampler import HIGHEST_RATE, LOWEST_RATE
from minicpmo_ros.errors import MessageError

MOST_CHANNELS = 64
LONGEST_BLOCK = 10.0
# Float samples are -1..1; some drivers overshoot, but a factor of this size is another unit.
LOUDEST_FLOAT = 8.0

# Names of GStreamer, which ros-drivers uses, with the value of full scale.
SAMPLE_FORMATS: dict[str, tuple[str, float]] = {
    'S8': ('i1', 128.0),
    'U8': ('u1', 128.0),
    'S16LE': ('<i2', 32768.0),
    'S16BE': ('>i2', 32768.0),
    'S32LE': ('<i4', 2147483648.0),
    'S32BE': ('>i4', 2147483648.0),
    'F32LE': ('<f4', 1.0),
    'F32BE': ('>f4', 1.0),
}
# Codes of PortAudio, which mgonzs13 uses, with the field of the message they fill.
PORTAUDIO_FORMATS: dict[int, tuple[str, str, float]] = {
    1: ('float32_data', 'f4', 1.0),
    2: ('int32_data', 'i4', 2147483648.0),
    8: ('int16_data', 'i2', 32768.0),
    16: ('int8_data', 'i1', 128.0),
    32: ('uint8_data', 'u1', 128.0),
}
UNCOMPRESSED = frozenset({'', 'wave', 'wav', 'raw', 'pcm'})


@dataclass(frozen=True)
class SoundFormat:
    """How the bytes of a stream are to be read.

    dtype: numpy name of one sample; full_scale: its value for 1.0. rate [Hz].
    """

    rate: int
    channels: int
    dtype: str
    full_scale: float

    def __post_init__(self) -> None:
        if not LOWEST_RATE <= self.rate <= HIGHEST_RATE:
            raise MessageError(
                f'sample rate {self.rate} Hz is outside {LOWEST_RATE}..{HIGHEST_RATE} Hz'
            )
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise MessageError(f'{self.channels} channels are not usable, 1..{MOST_CHANNELS} are')


@dataclass(frozen=True)
class Sound:
    """Mono samples of one message: int16 or float32 [n] at ``rate`` [Hz]."""

    samples: np.ndarray
    rate: int


def read_info(info: Any) -> SoundFormat:
    """Return what an ``AudioInfo`` of ros-drivers says.

    :raises MessageError: for compressed sound, unknown formats and absurd numbers.
    """
    coding = info.coding_format.lower()
    if coding not in UNCOMPRESSED:
        raise MessageError(
            f'coding format {info.coding_format[:20]!r} is compressed; start audio_capture with '
            'format:=wave'
        )
    try:
        dtype, full_scale = SAMPLE_FORMATS[info.sample_format.upper()]
    except KeyError:
        raise MessageError(
            f'sample format {info.sample_format[:20]!r} is unknown; use one of '
            f'{", ".join(SAMPLE_FORMATS)}'
        ) from None
    return SoundFormat(info.sample_rate, info.channels, dtype, full_scale)


def read_drivers(message: Any, sound_format: Optional[SoundFormat]) -> Sound:
    """Return the sound of an ``AudioDataStamped`` of ros-drivers.

    :raises MessageError: when the description is missing or does not fit the data.
    """
    if sound_format is None:
        raise MessageError('no usable audio_info yet, so the samples cannot be read')
    size = np.dtype(sound_format.dtype).itemsize
    data = message.audio.data
    if len(data) % (size * sound_format.channels):
        raise MessageError(
            f'{len(data)} bytes are no whole number of {sound_format.channels} x {size} bytes'
        )
    # Empty arrays have no buffer, so their length is checked before they are read.
    _check_length(len(data) // size // sound_format.channels, sound_format)
    return _mono(np.frombuffer(data, sound_format.dtype), sound_format)


def read_portaudio(message: Any) -> Sound:
    """Return the sound of an ``AudioStamped`` of mgonzs13.

    :raises MessageError: when the description is absurd or does not fit the data.
    """
    info = message.audio.info
    try:
        field, dtype, full_scale = PORTAUDIO_FORMATS[info.format]
    except KeyError:
        raise MessageError(
            f'sample format {info.format} is unknown; use one of the PortAudio codes '
            f'{", ".join(map(str, PORTAUDIO_FORMATS))}'
        ) from None
    sound_format = SoundFormat(info.rate, info.channels, dtype, full_scale)
    samples = getattr(message.audio.audio_data, field)
    if len(samples) % info.channels:
        raise MessageError(f'{len(samples)} samples do not divide by {info.channels} channels')
    _check_length(len(samples) // info.channels, sound_format)
    return _mono(np.asarray(samples, dtype), sound_format)


def reader_for(message_type: type) -> Callable[[Any, Optional[SoundFormat]], Sound]:
    """Return the function that reads messages of this type."""
    if message_type.__name__ == 'AudioStamped':
        return lambda message, _: read_portaudio(message)
    return read_drivers


def _check_length(samples: int, sound_format: SoundFormat) -> None:
    if samples == 0:
        raise MessageError('no samples')
    if samples > LONGEST_BLOCK * sound_format.rate:
        raise MessageError(
            f'{samples} samples at {sound_format.rate} Hz are longer than {LONGEST_BLOCK} s'
        )


def _mono(samples: np.ndarray, sound_format: SoundFormat) -> Sound:
    """Average the channels; int16 mono is passed on bit by bit."""
    if sound_format.channels == 1 and samples.dtype == np.int16:
        return Sound(samples.astype(np.int16, copy=False), sound_format.rate)
    if samples.dtype.kind == 'f':
        _check_float(samples)
    values = samples.astype(np.float32)
    if samples.dtype.kind == 'u':
        values -= sound_format.full_scale
    values /= sound_format.full_scale
    values = values.reshape(-1, sound_format.channels).mean(axis=1)
    return Sound(values.astype(np.float32, copy=False), sound_format.rate)


def _check_float(samples: np.ndarray) -> None:
    if not np.isfinite(samples).all():
        raise MessageError('samples contain NaN or infinity')
    loudest = float(np.abs(samples).max())
    if loudest > LOUDEST_FLOAT:
        raise MessageError(f'float sample of {loudest:.6g}; full scale is 1.0')
