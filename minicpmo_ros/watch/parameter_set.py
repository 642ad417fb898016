# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the events node."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import group, parameter


@dataclass(frozen=True)
class MqttParameters:
    """The way to a home system; off by default."""

    enabled: bool = parameter(False, 'send events to a broker', read_only=True)
    host: str = parameter('localhost', 'name or address of the broker', read_only=True)
    port: int = parameter(1883, 'of the broker', 1, 65535, read_only=True)
    username: str = parameter('', 'of the broker; empty: none', read_only=True)
    password_file: str = parameter('', 'file that holds the password', read_only=True)
    tls: bool = parameter(False, 'encrypt, with the certificates of the system', read_only=True)
    device_id: str = parameter(
        'minicpmo', 'tells several assistants apart; letters, digits, "_", "-"', read_only=True
    )
    discovery_prefix: str = parameter(
        'homeassistant', 'topic below which Home Assistant looks for devices', read_only=True
    )
    queue_size: int = parameter(
        200, 'events that wait while the broker is away', 1, 10000, read_only=True
    )


@dataclass(frozen=True)
class EventParameters:
    """What is watched, what is said, and what is kept."""

    mqtt: MqttParameters = group(MqttParameters)
    watches_file: str = parameter(
        'watches.yaml', 'a path, or a file in the config folder; empty: none', read_only=True
    )
    data_folder: str = parameter(
        '~/.ros/minicpmo_ros', 'holds watches.json, events.db and export/', read_only=True
    )
    time_zone: str = parameter('', "e.g. 'Europe/Berlin'; empty: of this machine", read_only=True)
    speak: bool = parameter(True, 'let the model say events; false: a silent monitor')
    quiet_hours: tuple[str, ...] = parameter(
        (), "spans such as '22:00-07:00' in which only critical events are said"
    )
    max_proactive_per_hour: int = parameter(
        12, 'announcements and unasked remarks; critical events are said beyond it', 0, 1000
    )
    announcement_pause: float = parameter(
        1.5, 'silence of the user before an event is said', 0.0, 60.0, unit='s'
    )
    announcement_patience: float = parameter(
        60.0, 'what could not be said for so long is no news any more', 1.0, 3600.0, unit='s'
    )
    announcement_style: str = parameter(
        'exact',
        'exact: the assistant says a sentence word for word; own_words: it is told what to say '
        '(models that read notes; others say it word for word)',
        choices=('exact', 'own_words'),
    )
    repeat_period: float = parameter(
        30.0, 'critical events repeat until acknowledged', 5.0, 3600.0, unit='s'
    )
    restate_period: float = parameter(
        60.0,
        'every watch is put into the context so often, and whenever the window slides',
        5.0,
        86400.0,
        unit='s',
    )
    restate_text: str = parameter(
        'I will tell you when {text}.', 'how; {text} is the condition of the watch'
    )
    questions_per_unit: int = parameter(
        8,
        'most watches asked about by a yes-or-no question in a unit, as far as question_share of '
        'the inference node lasts; 0: none',
        0,
        16,
    )
    confirm_needed: int = parameter(2, 'so many yes ...', 1, 10)
    confirm_window: int = parameter(3, '... of the last so many answers make an event', 1, 10)
    confirm_threshold: float = parameter(0.7, 'P(yes) from which an answer is yes', 0.5, 1.0)
    confirm_wavering: float = parameter(
        3.5, 'a watch whose answers waver more tells nothing, 0: it always tells', 0.0, 100.0
    )
    watches_by_speech: bool = parameter(
        True, 'add watches that the user (user_text) or the assistant (text) speaks of'
    )
    max_watches: int = parameter(100, 'at a time', 1, 1000, read_only=True)
    snapshots: str = parameter(
        'coarse',
        'pictures kept with events; coarse: a mosaic of 32 columns, so that faces cannot be '
        'recognised',
        choices=('coarse', 'full', 'none'),
    )
    retention_days: float = parameter(
        30.0, 'events are deleted after this time', 0.01, 3650.0, unit='days'
    )
