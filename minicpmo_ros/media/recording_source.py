# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings made by rosbag2 (sqlite3 and mcap) and plain mcap files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import Item, Recorded

KINDS = {
    'sensor_msgs/msg/Image': 'image',
    'sensor_msgs/msg/CompressedImage': 'compressed',
    'audio_common_msgs/msg/AudioDataStamped': 'audio',
    'audio_common_msgs/msg/AudioStamped': 'audio',
    'audio_common_msgs/msg/AudioInfo': 'audio_info',
}


class RecordingSource:
    """The camera and microphone topics of a recording.

    :param topics: topics to play; empty: the first one of each kind.
    :raises MediaError: when the recording cannot be read or has no such topic.
    """

    def __init__(self, path: Path, topics: tuple[str, ...] = ()) -> None:
        self.path = path
        with self._open() as reader:
            self.duration = reader.duration / 1e9
            self.topics = _choose(reader.connections, topics)
            played = [c for c in reader.connections if c.topic in self.topics]
            self.kinds = {KINDS[c.msgtype] for c in played}
        if not self.topics:
            wanted = ', '.join(topics) or 'images or audio'
            raise MediaError(f'{path} has no topic with {wanted}')

    def items(self, start: float = 0.0) -> Iterator[Item]:
        """Yield the messages from ``start`` [s] on as they were serialised."""
        with self._open() as reader:
            begin = reader.start_time
            connections = [c for c in reader.connections if c.topic in self.topics]
            first = begin + int(start * 1e9)
            for connection, time, data in reader.messages(connections, start=first):
                kind = KINDS[connection.msgtype]
                yield Recorded((time - begin) / 1e9, kind, connection.msgtype, bytes(data))

    @contextmanager
    def _open(self) -> Iterator[AnyReader]:
        try:
            store = get_typestore(Stores.ROS2_JAZZY)
            with AnyReader([self.path], default_typestore=store) as reader:
                yield reader
        except MediaError:
            raise
        except Exception as error:  # readers raise their own kinds for damaged files
            raise MediaError(f'{self.path} cannot be read as a recording: {error}') from error


def _choose(connections: list[Any], topics: tuple[str, ...]) -> set[str]:
    known = [c for c in connections if c.msgtype in KINDS]
    if topics:
        return {c.topic for c in known if c.topic in topics}
    first: dict[str, str] = {}
    for connection in known:
        first.setdefault(KINDS[connection.msgtype], connection.topic)
    return set(first.values())
