# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write all topics to an mcap file that rosbag2, Foxglove and this package's player read."""

from __future__ import annotations

import os
from pathlib import Path

from mcap.writer import CompressionType, Writer

from minicpmo_ros.errors import WorkspaceError

PRIMITIVES = {
    *('bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring'),
    *(f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64)),
}
SEPARATOR = '=' * 80


class TopicRecorder:
    """An open recording; ``close`` finishes the file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open('wb')
        self._writer = Writer(self._file, compression=CompressionType.ZSTD)
        self._writer.start(profile='ros2', library='minicpmo_ros')
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._counts: dict[int, int] = {}

    def write(self, topic: str, type_name: str, data: bytes, time: int) -> None:
        """Append a serialised message; ``type_name`` such as std_msgs/msg/String, time in ns."""
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = self._add_channel(topic, type_name)
        number = self._counts[channel] = self._counts.get(channel, 0) + 1
        self._writer.add_message(channel, time, data, time, sequence=number)

    def close(self) -> None:
        """Finish the file."""
        self._writer.finish()
        self._file.close()

    def _add_channel(self, topic: str, type_name: str) -> int:
        if type_name not in self._schemas:
            definition = message_definition(type_name).encode()
            self._schemas[type_name] = self._writer.register_schema(
                type_name, 'ros2msg', definition
            )
        return self._writer.register_channel(topic, 'cdr', self._schemas[type_name])


def message_definition(type_name: str) -> str:
    """Return the definition of a message followed by those of all its fields' types.

    :raises WorkspaceError: when the definition of a type is not installed.
    """
    texts: dict[str, str] = {}
    waiting = [type_name]
    while waiting:
        name = waiting.pop(0)
        if name in texts:
            continue
        texts[name] = _installed_definition(name)
        waiting += _field_types(name, texts[name])
    first, *others = texts.items()
    parts = [first[1]]
    for name, text in others:
        package, _, kind = name.split('/')
        parts.append(f'{SEPARATOR}\nMSG: {package}/{kind}\n{text}')
    return '\n'.join(parts)


def _installed_definition(name: str) -> str:
    package, _, kind = name.split('/')
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        path = Path(prefix) / 'share' / package / 'msg' / f'{kind}.msg'
        if prefix and path.is_file():
            return path.read_text()
    raise WorkspaceError(f'the definition of {name} is not below AMENT_PREFIX_PATH')


def _field_types(name: str, text: str) -> list[str]:
    package = name.split('/')[0]
    result = []
    for line in text.splitlines():
        words = line.split('#')[0].split()
        if len(words) < 2 or '=' in words[1]:
            continue
        kind = words[0].split('[')[0].split('<')[0]
        if kind in PRIMITIVES:
            continue
        parts = kind.split('/')
        result.append(f'{parts[0] if len(parts) > 1 else package}/msg/{parts[-1]}')
    return result
