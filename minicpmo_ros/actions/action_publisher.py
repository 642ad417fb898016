# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes every request and what became of it, tells the model, and keeps the audit log."""

from __future__ import annotations

import json
from typing import Any

from rclpy.node import Node

from minicpmo_ros.actions.action_manager import StatusCommand
from minicpmo_ros.actions.audit_log import AuditLog
from minicpmo_ros.actions.request_table import Phase
from minicpmo_ros.msg import ActionRequest, ActionStatus, ContextNote
from minicpmo_ros.qos import EVENT
from minicpmo_ros.stamp import NANOSECONDS, time_message

_STATES = {
    Phase.WAITING: ActionStatus.PENDING,
    Phase.SENDING: ActionStatus.RUNNING,
    Phase.RUNNING: ActionStatus.RUNNING,
    Phase.SUCCEEDED: ActionStatus.SUCCEEDED,
    Phase.FAILED: ActionStatus.FAILED,
    Phase.REJECTED: ActionStatus.REJECTED,
    Phase.CANCELED: ActionStatus.CANCELED,
    Phase.EXPIRED: ActionStatus.EXPIRED,
}


class ActionPublisher:
    """The outgoing side of the action hooks."""

    def __init__(self, node: Node, audit: AuditLog) -> None:
        self._node = node
        self._audit = audit
        self._requests = node.create_publisher(ActionRequest, 'action_request', EVENT)
        self._statuses = node.create_publisher(ActionStatus, 'action_status', EVENT)
        self._notes = node.create_publisher(ContextNote, 'context_note', EVENT)

    def other_bridges(self) -> int:
        """Return how many other nodes publish action requests on the same topic."""
        return max(self._node.count_publishers(self._requests.topic_name) - 1, 0)

    def note(self, text: str) -> None:
        """Tell the model something in its next unit."""
        message = ContextNote(source=self._node.get_name(), text=text[:400])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._notes.publish(message)

    def publish(self, status: StatusCommand, steady: float) -> None:
        """Publish and record where a request stands; ``steady`` is the clock of deadlines [s]."""
        now = self._node.get_clock().now()
        if status.requested:
            self._requests.publish(_request_message(status, now.nanoseconds, steady))
        message = ActionStatus(
            action_id=status.action_id,
            skill=status.proposal.skill[:64],
            state=_STATES[status.phase],
            code=status.code,
            message=status.message,
        )
        message.header.stamp = now.to_msg()
        self._statuses.publish(message)
        self._audit.write(now.nanoseconds / NANOSECONDS, _audit_entry(status))


def _request_message(status: StatusCommand, now: int, steady: float) -> ActionRequest:
    proposal = status.proposal
    message = ActionRequest(
        action_id=status.action_id,
        skill=proposal.skill[:64],
        arguments=json.dumps(proposal.arguments)[:2000],
        trigger=int(proposal.trigger),
        turn_id=proposal.turn_id,
        epoch=max(proposal.epoch, 0),
        rationale=proposal.rationale[:300],
        confidence=float('nan'),
        needs_confirmation=status.needs_confirmation,
    )
    message.header.stamp = time_message(now)
    if status.deadline is not None:
        message.expires = time_message(now + int((status.deadline - steady) * NANOSECONDS))
    return message


def _audit_entry(status: StatusCommand) -> dict[str, Any]:
    proposal = status.proposal
    return {
        'action_id': status.action_id,
        'phase': status.phase.value,
        'code': status.code,
        'message': status.message,
        'skill': proposal.skill[:64],
        'arguments': proposal.arguments,
        'trigger': proposal.trigger.name.lower(),
        'turn_id': proposal.turn_id,
        'rationale': proposal.rationale[:300],
    }
