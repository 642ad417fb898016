# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From SpeechChunk messages to pieces for the playback queue."""

from __future__ import annotations

from minicpmo_ros.errors import MessageError
from minicpmo_ros.message_bytes import read_bytes, to_float32
from minicpmo_ros.msg import SpeechChunk
from minicpmo_ros.sound_device.playback_queue import SpeechPiece
from minicpmo_ros.stamp import seconds_of

SAMPLE_FORMAT = 'S16LE'


def speech_piece(message: SpeechChunk) -> SpeechPiece:
    """Return the piece of speech in a message.

    :raises MessageError: for a format other than mono S16LE, or half a sample.
    """
    if message.channels != 1 or message.sample_format != SAMPLE_FORMAT:
        raise MessageError(
            f'speech has {message.channels} channels of {message.sample_format!r};'
            f' it must be one channel of {SAMPLE_FORMAT}'
        )
    data = read_bytes(message.data)
    if data.size % 2:
        raise MessageError(f'speech has {data.size} bytes, which is half a sample too many')
    return SpeechPiece(
        turn_id=message.turn_id,
        epoch=message.epoch,
        index=message.index,
        offset=seconds_of(message.offset),
        sample_rate=message.sample_rate,
        samples=to_float32(data.view('<i2')),
        last=message.last,
    )
