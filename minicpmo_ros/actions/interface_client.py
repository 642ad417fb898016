# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real ROS clients of the three kinds, built from the type name at run time.

Each reports what happens as ``report(event, code, message)`` from the executor's thread and never
blocks. ``cancel`` works at any time: a goal accepted after it is cancelled the moment it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Protocol

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node

from minicpmo_ros.actions.message_filler import fill_message, import_interface
from minicpmo_ros.actions.request_table import RequestEvent
from minicpmo_ros.actions.skill import Target, TargetKind
from minicpmo_ros.qos import EVENT

Report = Callable[[RequestEvent, str, str], None]
MAX_TEXT = 200


class InterfaceClient(Protocol):
    """One target of the allow-list."""

    def send(self, values: dict[str, Any], report: Report) -> None:
        """Send now; everything that follows is reported."""

    def cancel(self) -> None:
        """Ask to stop what was sent last."""

    def forget(self) -> None:
        """Report nothing more about what was sent last."""

    def is_ready(self) -> bool:
        """Return whether somebody is there to answer."""

    def close(self) -> None:
        """Free the client; idempotent."""


def create_client(node: Node, target: Target) -> InterfaceClient:
    """Return the client of a target; raise ArgumentError when its type is not installed."""
    kinds = {
        TargetKind.TOPIC: TopicClient,
        TargetKind.SERVICE: ServiceClient,
        TargetKind.ACTION: GoalClient,
    }
    return kinds[target.kind](node, target.name, import_interface(target.type))


_ACTION_SERVICES = ('send_goal', 'cancel_goal', 'get_result')


def resolved_names(node: Node, target: Target) -> set[str]:
    """Return every full name a target may reach after namespaces and remapping.

    The three services of an action can be remapped one by one, so each is resolved.
    """
    if target.kind is TargetKind.TOPIC:
        return {node.resolve_topic_name(target.name)}
    if target.kind is TargetKind.SERVICE:
        return {node.resolve_service_name(target.name)}
    names = {node.resolve_topic_name(target.name), node.resolve_service_name(target.name)}
    for service in _ACTION_SERVICES:
        suffix = f'/_action/{service}'
        names.add(node.resolve_service_name(target.name + suffix).removesuffix(suffix))
    return names


class TopicClient:
    """Publishes one message per request."""

    def __init__(self, node: Node, name: str, message_type: Any) -> None:
        self._node = node
        self._type = message_type
        self._publisher = node.create_publisher(message_type, name, EVENT)

    def send(self, values: dict[str, Any], report: Report) -> None:
        """Publish; done at once, an error when nobody listens."""
        message = fill_message(self._type(), values)
        if not self.is_ready():
            report(RequestEvent.NO_SERVER, 'no_subscriber', 'nobody listens to the topic')
            return
        self._publisher.publish(message)
        report(RequestEvent.DONE, 'published', '')

    def cancel(self) -> None:
        """Do nothing: a message cannot be called back."""

    def forget(self) -> None:
        """Do nothing: nothing is awaited."""

    def is_ready(self) -> bool:
        """Return whether somebody listens."""
        return self._publisher.get_subscription_count() > 0

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)


class ServiceClient:
    """Calls a service; a reply with ``success`` false is an error."""

    def __init__(self, node: Node, name: str, service_type: Any) -> None:
        self._node = node
        self._type = service_type
        self._client = node.create_client(service_type, name)
        self._future: Optional[Any] = None
        self._report: Optional[Report] = None

    def send(self, values: dict[str, Any], report: Report) -> None:
        """Call without waiting."""
        request = fill_message(self._type.Request(), values)
        if not self.is_ready():
            report(RequestEvent.NO_SERVER, 'no_server', 'the service is not there')
            return
        self._report = report
        self._future = self._client.call_async(request)
        self._future.add_done_callback(lambda future: self._answered(future, report))

    def _answered(self, future: Any, report: Report) -> None:
        if future is not self._future or future.cancelled():
            return
        self._future = None
        if future.exception() is not None:
            report(RequestEvent.ERROR, 'server_failed', str(future.exception())[:MAX_TEXT])
            return
        reply = future.result()
        text = str(getattr(reply, 'message', ''))[:MAX_TEXT]
        if getattr(reply, 'success', True):
            report(RequestEvent.DONE, 'succeeded', text)
        else:
            report(RequestEvent.ERROR, 'server_failed', text)

    def cancel(self) -> None:
        """Stop waiting for the answer; a running service cannot be called back."""
        if self._future is not None:
            report = self._report
            self.forget()
            report(RequestEvent.CANCEL_CONFIRMED, 'not_awaited', 'a service cannot be called back')

    def forget(self) -> None:
        """Drop the pending call."""
        if self._future is not None:
            future, self._future = self._future, None
            self._client.remove_pending_request(future)

    def is_ready(self) -> bool:
        """Return whether the service is there."""
        return self._client.service_is_ready()

    def close(self) -> None:
        """Destroy the client."""
        self.forget()
        self._node.destroy_client(self._client)


class GoalClient:
    """Sends goals with feedback and cancellation."""

    def __init__(self, node: Node, name: str, action_type: Any) -> None:
        self._type = action_type
        self._client = ActionClient(node, action_type, name)
        self._goal: Optional[_Goal] = None

    def send(self, values: dict[str, Any], report: Report) -> None:
        """Send a goal without waiting."""
        goal = fill_message(self._type.Goal(), values)
        if not self.is_ready():
            report(RequestEvent.NO_SERVER, 'no_server', 'the action server is not there')
            return
        self._goal = _Goal(report)
        future = self._client.send_goal_async(goal)
        future.add_done_callback(self._goal.answered)

    def cancel(self) -> None:
        """Ask the server to cancel the goal, now or as soon as it accepts it."""
        if self._goal is not None:
            self._goal.cancel()

    def forget(self) -> None:
        """Report nothing more; a goal that is accepted later is still cancelled if asked to."""
        if self._goal is not None:
            self._goal.report = None
            self._goal = None

    def is_ready(self) -> bool:
        """Return whether the action server is there."""
        return self._client.server_is_ready()

    def close(self) -> None:
        """Destroy the client."""
        self.forget()
        self._client.destroy()


class _Goal:
    """What is known about one goal; outlives the request when the server answers late."""

    def __init__(self, report: Report) -> None:
        self.report: Optional[Report] = report
        self._handle: Optional[Any] = None
        self._cancel_asked = False
        self._cancel_sent = False

    def cancel(self) -> None:
        self._cancel_asked = True
        if self._handle is not None and not self._cancel_sent:
            self._cancel_sent = True
            self._handle.cancel_goal_async()

    def answered(self, future: Any) -> None:
        if future.exception() is not None:
            self._fail(future)
            return
        handle = future.result()
        if not handle.accepted:
            self._tell(RequestEvent.REFUSED, 'goal_refused', 'the server refused the goal')
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(self._ended)
        if self._cancel_asked:
            self.cancel()
        self._tell(RequestEvent.ACCEPTED, '', '')

    def _fail(self, future: Any) -> None:
        self._tell(RequestEvent.ERROR, 'server_failed', str(future.exception())[:MAX_TEXT])

    def _ended(self, future: Any) -> None:
        if future.exception() is not None:
            self._fail(future)
            return
        status = future.result().status
        if status == GoalStatus.STATUS_SUCCEEDED:
            self._tell(RequestEvent.DONE, 'succeeded', '')
        elif status == GoalStatus.STATUS_CANCELED:
            event = RequestEvent.CANCEL_CONFIRMED if self._cancel_asked else RequestEvent.ERROR
            self._tell(event, '' if self._cancel_asked else 'server_canceled', '')
        else:
            self._tell(RequestEvent.ERROR, 'server_failed', f'goal status {status}')

    def _tell(self, event: RequestEvent, code: str, message: str) -> None:
        if self.report is not None:
            self.report(event, code, message)


def validate_template(target: Target, values: dict[str, Any]) -> None:
    """Raise ArgumentError when the target's message cannot be built from these values."""
    interface = import_interface(target.type)
    if target.kind is TargetKind.SERVICE:
        interface = interface.Request
    elif target.kind is TargetKind.ACTION:
        interface = interface.Goal
    fill_message(interface(), values)
