# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscription to a microphone in either of the two packages called audio_common_msgs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import importlib
import time
from typing import Any, Optional

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.errors import MessageError, WorkspaceError

from .audio_message import Sound, SoundFormat, read_info, reader_for

NANOSECONDS = 1_000_000_000
# audio_info is repeated about once a second; sound from before the first one waits so long [s].
INFO_PATIENCE = 3.0
MOST_EARLY = 300

Block = tuple[Optional[float], Sound, float]
TYPE_NAMES = {'ros_drivers': 'AudioDataStamped', 'mgonzs13': 'AudioStamped'}


def audio_message_type(dialect: str) -> type:
    """Return the message class of a dialect, or for 'auto' of the one that is installed.

    :raises WorkspaceError: when there is none.
    """
    names = TYPE_NAMES.values() if dialect == 'auto' else [TYPE_NAMES[dialect]]
    try:
        messages = importlib.import_module('audio_common_msgs.msg')
    except ImportError as error:
        raise WorkspaceError(
            f'audio_common_msgs is not installed ({error}); build it, or set use_audio to false'
        ) from error
    for name in names:
        if hasattr(messages, name):
            return getattr(messages, name)
    raise WorkspaceError(f'audio_common_msgs has no {" or ".join(names)}; set audio_type')


class MicrophoneComponent:
    """The microphone of a node; messages are handed on unread.

    :param on_message: called in the executor with stamp [ns], None for zero, and the message.
    :param on_problem: called with topic and reason when a message cannot be used.
    """

    def __init__(
        self,
        node: Node,
        dialect: str,
        on_message: Callable[[Optional[int], Any], None],
        on_problem: Callable[[str, str], None],
    ) -> None:
        self.message_type = audio_message_type(dialect)
        self.topic = node.resolve_topic_name('audio')
        self.info_topic = node.resolve_topic_name('audio_info')
        self.received = 0
        self.frame_id = ''
        self.sound_format: Optional[SoundFormat] = None
        self._on_message = on_message
        self._on_problem = on_problem
        self._read = reader_for(self.message_type)
        self._first: Optional[float] = None
        self.described = False
        self._early: deque[tuple[Optional[float], Any, float]] = deque(maxlen=MOST_EARLY)
        node.create_subscription(self.message_type, self.topic, self.receive, qos.MICROPHONE)
        if self.message_type.__name__ == TYPE_NAMES['ros_drivers']:
            info_type = importlib.import_module('audio_common_msgs.msg').AudioInfo
            node.create_subscription(info_type, self.info_topic, self.receive_info, qos.AUDIO_INFO)

    def receive(self, message: Any) -> None:
        """Take a message with sound."""
        self.received += 1
        self.frame_id = message.header.frame_id
        stamp = message.header.stamp
        nanoseconds: Optional[int] = stamp.sec * NANOSECONDS + stamp.nanosec
        if nanoseconds <= 0 or stamp.nanosec >= NANOSECONDS:
            self._on_problem(
                self.topic,
                f'stamp {stamp.sec} s {stamp.nanosec} ns; the time of arrival is used',
            )
            nanoseconds = None
        self._on_message(nanoseconds, message)

    def receive_info(self, message: Any) -> None:
        """Take the description of the sound that follows."""
        self.described = True
        try:
            self.sound_format = read_info(message)
        except MessageError as error:
            self.sound_format = None
            self._on_problem(self.info_topic, str(error))

    def read(self, stamp: Optional[float], message: Any, now: float) -> list[Block]:
        """Return what can be read now of this message and of those that waited for audio_info."""
        if self._waits_for_info():
            self._early.append((stamp, message, now))
            return []
        messages = [*self._early, (stamp, message, now)]
        self._early.clear()
        blocks = ((stamp, self._sound(message), now) for stamp, message, now in messages)
        return [block for block in blocks if block[1] is not None]

    def _waits_for_info(self) -> bool:
        if self.described or self.message_type.__name__ != TYPE_NAMES['ros_drivers']:
            return False
        if self._first is None:
            self._first = time.monotonic()
        return time.monotonic() - self._first < INFO_PATIENCE

    def _sound(self, message: Any) -> Optional[Sound]:
        """Return the samples of a message; None and a report when they cannot be used."""
        try:
            return self._read(message, self.sound_format)
        except MessageError as error:
            self._on_problem(self.topic, str(error))
            return None
