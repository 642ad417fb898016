# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every topic, by role."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(depth: int, reliable: bool, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


# The newest frame wins; a reliable reader would get nothing from a best-effort camera.
CAMERA = _profile(1, reliable=False)
# The sensor profile's depth of 5 is only 160 ms of 32 ms chunks.
MICROPHONE = _profile(50, reliable=False)
# The publisher repeats it; a latched reader would reject older, volatile publishers.
AUDIO_INFO = _profile(1, reliable=True)
# Latched for readers that come late, accepted by AUDIO_INFO readers too.
AUDIO_INFO_PUBLISHER = _profile(1, reliable=True, latched=True)
# Units, speech and text: nothing may be lost.
STREAM = _profile(32, reliable=True)
# Events, interruptions, whole utterances, requests.
EVENT = _profile(10, reliable=True)
# What is true now, also for readers that come late.
STATE = _profile(1, reliable=True, latched=True)
# User speech: 32 ms apart; only the newest few matter.
SPEECH_ACTIVITY = _profile(10, reliable=True)
# For displays and recordings; may be lost.
REPORT = _profile(10, reliable=False)
# Volatile by default, since most emergency stops are not latched; override it for those that are.
EMERGENCY_STOP = _profile(1, reliable=True)
