# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the stamp of a serialized message without deserializing its megabytes."""

from __future__ import annotations

import struct

from minicpmo_ros.errors import MessageError

# Second byte of the representation identifier: plain CDR, big and little endian, as every
# middleware of ROS 2 writes it. The header of the message follows behind four bytes.
BYTE_ORDERS = {0x00: '>', 0x01: '<'}


def serialized_stamp(data: bytes) -> tuple[int, int]:
    """Return seconds and nanoseconds of a message that begins with a ``std_msgs/Header``.

    :raises MessageError: when the data is too short or not plain CDR.
    """
    if len(data) < 12:
        raise MessageError(f'serialized message of {len(data)} bytes has no header')
    if data[0] != 0 or data[1] not in BYTE_ORDERS:
        raise MessageError(f'serialized message begins with {data[:2].hex()}, which is not CDR')
    return struct.unpack_from(BYTE_ORDERS[data[1]] + 'iI', data, 4)
