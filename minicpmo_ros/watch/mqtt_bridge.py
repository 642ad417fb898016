# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends events to an MQTT broker; while it is away a bounded number of them waits."""

from __future__ import annotations

from collections import deque
from pathlib import Path
import re
import threading
from typing import Any, Optional

from minicpmo_ros import __version__
from minicpmo_ros.errors import ParameterError
from minicpmo_ros.watch.event_record import EventRecord, EventType
from minicpmo_ros.watch.home_assistant import HomeTopics, MqttMessage
from minicpmo_ros.watch.parameter_set import MqttParameters

# Exactly once: a message that was on its way when the broker went away is not seen twice.
EXACTLY_ONCE = 2
RECONNECT_SECONDS = (1, 60)


class MqttBridge:
    """A client in a thread of its own; ``send`` never waits.

    lost: events that fell out of the full queue, oldest first.

    :raises ParameterError: when the library is missing or a parameter cannot be used.
    """

    def __init__(self, parameters: MqttParameters) -> None:
        if not re.fullmatch(r'[A-Za-z0-9_-]{1,40}', parameters.device_id):
            raise ParameterError(f'mqtt.device_id {parameters.device_id!r}: letters, digits, _, -')
        self.topics = HomeTopics(parameters.device_id, parameters.discovery_prefix)
        self.lost = 0
        self._waiting: deque[MqttMessage] = deque()
        self._under_way: dict[int, MqttMessage] = {}
        self._confirmed: deque[int] = deque()
        self._limit = parameters.queue_size
        self._pressing: set[str] = set()
        self._connected = False
        self._lock = threading.RLock()
        self._client = _make_client(parameters)
        self._client.will_set(self.topics.availability, 'offline', EXACTLY_ONCE, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.connect_async(parameters.host, parameters.port, keepalive=30)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        """Return whether the broker is there."""
        return self._connected

    @property
    def waiting(self) -> int:
        """Return how many messages the broker has not confirmed yet."""
        with self._lock:
            self._settle()
            return len(self._waiting) + len(self._under_way)

    def send(self, record: EventRecord, kind: EventType) -> None:
        """Send an event, now or when the broker is back."""
        with self._lock:
            self._waiting.append(self.topics.event_message(record, kind))
            while len(self._waiting) > self._limit:
                self._waiting.popleft()
                self.lost += 1
            change = self._pressing.add if record.is_pressing else self._pressing.discard
            change(record.event_id)
        self._deliver()

    def close(self) -> None:
        """Say goodbye and end the thread."""
        if self._connected:
            farewell = self._client.publish(
                self.topics.availability, 'offline', EXACTLY_ONCE, retain=True
            )
            farewell.wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _deliver(self) -> None:
        """Hand over what waits; the library repeats it until the broker confirms."""
        with self._lock:
            self._settle()
            if not self._connected:
                return
            while self._waiting:
                message = self._waiting.popleft()
                self._under_way[self._publish(message)] = message
            self._publish(self.topics.pressing_message(bool(self._pressing)))

    def _publish(self, message: MqttMessage) -> int:
        return self._client.publish(
            message.topic, message.payload, EXACTLY_ONCE, retain=message.retained
        ).mid

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, *rest: Any) -> None:
        if reason.is_failure:
            return
        with self._lock:
            self._connected = True
            for message in self.topics.discovery(__version__):
                self._publish(message)
            self._publish(MqttMessage(self.topics.availability, 'online', retained=True))
        self._deliver()

    def _on_disconnect(self, *unused: Any) -> None:
        self._connected = False

    def _on_publish(self, client: Any, data: Any, message_id: int, *rest: Any) -> None:
        # The library calls this with the lock that its ``publish`` needs, and we call ``publish``
        # with our own lock: whoever waited for that one here would wait for ever.
        self._confirmed.append(message_id)

    def _settle(self) -> None:
        """Forget what the broker has confirmed."""
        while self._confirmed:
            self._under_way.pop(self._confirmed.popleft(), None)


def _make_client(parameters: MqttParameters) -> Any:
    try:
        from paho.mqtt import client as mqtt
    except ImportError as error:
        raise ParameterError('mqtt.enabled needs the package paho-mqtt; pip install it') from error
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=f'minicpmo_{parameters.device_id}',
        clean_session=False,
    )
    client.reconnect_delay_set(*RECONNECT_SECONDS)
    if parameters.username:
        client.username_pw_set(parameters.username, _password(parameters.password_file))
    if parameters.tls:
        client.tls_set()
    return client


def _password(path: str) -> Optional[str]:
    if not path:
        return None
    try:
        return Path(path).expanduser().read_text(encoding='utf-8').strip()
    except OSError as error:
        raise ParameterError(f'mqtt.password_file {path}: {error.strerror}') from error
