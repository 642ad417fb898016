# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Carries permitted requests out through real clients; refuses targets that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from rclpy.node import Node

from minicpmo_ros.actions.action_manager import Request
from minicpmo_ros.actions.argument import example_arguments
from minicpmo_ros.actions.interface_client import (
    InterfaceClient,
    Report,
    create_client,
    resolved_names,
    validate_template,
)
from minicpmo_ros.actions.message_template import fill_template
from minicpmo_ros.actions.request_table import Phase, RequestEvent
from minicpmo_ros.actions.skill import ArgumentValue, Skill
from minicpmo_ros.actions.target_policy import refuse_name
from minicpmo_ros.errors import ArgumentError

# A server that is away this long will not come back to finish what it was asked for [s].
SERVER_PATIENCE = 2.0


class ActionExecutor:
    """One client for each skill that is switched on.

    refused: code by name of the skills whose target cannot be used, decided at start-up.
    """

    def __init__(self, node: Node, skills: Mapping[str, Skill]) -> None:
        self.refused: dict[str, str] = {}
        self._node = node
        self._clients: dict[str, InterfaceClient] = {}
        self._server_seen = 0.0
        for skill in skills.values():
            if skill.enabled:
                self._create(skill)

    def _create(self, skill: Skill) -> None:
        reasons = map(refuse_name, resolved_names(self._node, skill.target))
        reason = next(filter(None, reasons), None)
        try:
            if reason:
                raise ArgumentError('forbidden_target', reason)
            validate_template(skill.target, self._values(skill, example_arguments(skill)))
            self._clients[skill.name] = create_client(self._node, skill.target)
        except ArgumentError as error:
            self.refused[skill.name] = error.code
            self._node.get_logger().error(f'skill {skill.name} is refused: {error}')

    def send(self, request: Request, report: Report) -> None:
        """Send a request; everything that follows, also a failure to send, is reported."""
        client = self._clients[request.skill.name]
        try:
            client.send(self._values(request.skill, request.arguments), report)
        except ArgumentError as error:
            report(RequestEvent.ERROR, error.code, str(error))
        except (AssertionError, OverflowError, TypeError, ValueError) as error:
            # The message's own checks, some of which only run when it is serialised.
            report(RequestEvent.ERROR, 'wrong_message', str(error)[:200])

    def _values(self, skill: Skill, arguments: Mapping[str, ArgumentValue]) -> dict[str, Any]:
        now = self._node.get_clock().now().to_msg()
        return fill_template(skill.target.message, arguments, skill.arguments, now)

    def cancel(self, request: Request) -> None:
        """Ask the server to stop, now or as soon as it accepts."""
        if client := self._clients.get(request.skill.name):
            client.cancel()

    def forget(self, request: Request) -> None:
        """Report nothing more about a request."""
        if client := self._clients.get(request.skill.name):
            client.forget()

    def server_lost(self, request: Optional[Request], now: float) -> bool:
        """Return whether the server of a running request is gone for good; call regularly."""
        client = self._clients.get(request.skill.name) if request is not None else None
        if client is None or request.phase is not Phase.RUNNING or client.is_ready():
            self._server_seen = now
        return now - self._server_seen > SERVER_PATIENCE

    def close(self) -> None:
        """Free all clients; idempotent."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
