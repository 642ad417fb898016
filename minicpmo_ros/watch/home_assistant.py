# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What Home Assistant needs to find the assistant's events by itself (MQTT discovery)."""

from __future__ import annotations

from dataclasses import dataclass
import json
from typing import Any

from minicpmo_ros.watch.event_record import EventRecord, EventType
from minicpmo_ros.watch.watch import Severity


@dataclass(frozen=True)
class MqttMessage:
    """A topic with its payload; retained: the broker keeps it for readers that come late."""

    topic: str
    payload: str
    retained: bool = False


@dataclass(frozen=True)
class HomeTopics:
    """Topics of one assistant. device_id: tells several apart. prefix: that of discovery."""

    device_id: str = 'minicpmo'
    prefix: str = 'homeassistant'

    @property
    def availability(self) -> str:
        """Return the topic that says online or offline."""
        return f'minicpmo/{self.device_id}/availability'

    @property
    def event(self) -> str:
        """Return the topic of events."""
        return f'minicpmo/{self.device_id}/event'

    @property
    def pressing(self) -> str:
        """Return the topic that is ON while something critical is not acknowledged."""
        return f'minicpmo/{self.device_id}/pressing'

    def discovery(self, version: str) -> list[MqttMessage]:
        """Return the descriptions of the entities: an event and a safety sensor."""
        device = {
            'identifiers': [f'minicpmo_{self.device_id}'],
            'name': f'Assistant {self.device_id}',
            'manufacturer': 'minicpmo_ros contributors',
            'model': 'minicpmo_ros',
            'sw_version': version,
        }
        common = {'availability_topic': self.availability, 'device': device}
        event = {
            'name': 'Events',
            'unique_id': f'minicpmo_{self.device_id}_event',
            'state_topic': self.event,
            'event_types': [kind.name.lower() for kind in EventType],
            'icon': 'mdi:eye',
        }
        sensor = {
            'name': 'Needs acknowledgement',
            'unique_id': f'minicpmo_{self.device_id}_pressing',
            'state_topic': self.pressing,
            'device_class': 'safety',
        }
        return [
            self._config('event', 'event', {**event, **common}),
            self._config('binary_sensor', 'pressing', {**sensor, **common}),
        ]

    def event_message(self, record: EventRecord, kind: EventType) -> MqttMessage:
        """Return an event in the form of a Home Assistant event entity, without picture."""
        seen = record.happening
        payload = {
            'event_type': kind.name.lower(),
            'event_id': record.event_id,
            'watch_id': seen.watch_id,
            'kind': seen.label,
            'severity': Severity(seen.severity).name.lower(),
            'zone': seen.zone,
            'text': seen.text,
            'count': record.count,
            'spoken': record.spoken,
            'acknowledged': record.acknowledged,
            'begin': record.first_seen,
            'end': seen.end,
        }
        return MqttMessage(self.event, json.dumps(payload))

    def pressing_message(self, pressing: bool) -> MqttMessage:
        """Return the state of the safety sensor."""
        return MqttMessage(self.pressing, 'ON' if pressing else 'OFF', retained=True)

    def _config(self, component: str, name: str, config: dict[str, Any]) -> MqttMessage:
        topic = f'{self.prefix}/{component}/minicpmo_{self.device_id}/{name}/config'
        return MqttMessage(topic, json.dumps(config), retained=True)
