# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lets the assistant say an event, and learns whether it did."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.msg import Announcement
from minicpmo_ros.watch.announcement_link import AnnouncementLink
from minicpmo_ros.watch.condition import description_of
from minicpmo_ros.watch.event_record import Happening, Origin
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.watch import Severity

OWN_WORDS = 'own_words'
# An announcement that did not begin, because somebody spoke, is made again.
MOST_ATTEMPTS = 5


class AnnouncementComponent:
    """Part of the events node. Times are a steady clock [s]."""

    def __init__(self, node: Node, parameters: Callable[[], EventParameters]) -> None:
        self._node = node
        self._parameters = parameters
        self._link = AnnouncementLink()
        self._announcements = node.create_publisher(Announcement, 'announcement', qos.EVENT)

    @property
    def attempts(self) -> int:
        """Return how often an announcement is tried: own words may have been missed."""
        return 1 if self._parameters().announcement_style == OWN_WORDS else MOST_ATTEMPTS

    def say(self, event_id: str, happening: Happening, now: float) -> None:
        """Ask for an event to be said."""
        message = Announcement(source=self._node.get_name(), text=announced(happening)[:400])
        message.own_words = self._parameters().announcement_style == OWN_WORDS
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._announcements.publish(message)
        self._link.announced(event_id, f'{message.text} {happening.text}', now)

    def heard(self, turn_id: int, text: str, now: float) -> str:
        """Take words of the robot; return the id of the event once it turns out to be said."""
        return self._link.note_text(turn_id, text, now)

    def is_announcement(self, turn_id: int, now: float) -> bool:
        """Return whether a turn that the model began is the announcement it was asked for."""
        return self._link.is_announcement(turn_id, now)


def announced(happening: Happening) -> str:
    """Return the sentence that tells an event."""
    text = happening.text.strip(' .')
    if happening.origin is Origin.REMINDER:
        return f'Reminder: {text}.'
    text = description_of(text, happening.zone)
    if happening.severity is Severity.CRITICAL:
        return f'Attention: {text}.'
    return f'{text[:1].upper()}{text[1:]}.'
