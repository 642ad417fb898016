# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Convert between seconds, nanoseconds and the time messages of ROS."""

from __future__ import annotations

from builtin_interfaces.msg import Duration, Time

NANOSECONDS = 1_000_000_000


def time_message(nanoseconds: int) -> Time:
    """Return a point in time [ns since the epoch of its clock] as a message."""
    seconds, rest = divmod(max(int(nanoseconds), 0), NANOSECONDS)
    return Time(sec=min(seconds, 2**31 - 1), nanosec=rest)


def duration_message(seconds: float) -> Duration:
    """Return a duration [s] as a message."""
    whole, rest = divmod(round(seconds * NANOSECONDS), NANOSECONDS)
    return Duration(sec=whole, nanosec=rest)


def nanoseconds_of(message: Time | Duration) -> int:
    """Return a time or duration message as nanoseconds."""
    return message.sec * NANOSECONDS + message.nanosec


def seconds_of(message: Time | Duration) -> float:
    """Return a time or duration message as seconds."""
    return message.sec + message.nanosec / NANOSECONDS
