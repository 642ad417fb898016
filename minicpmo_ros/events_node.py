# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that keeps watches, makes events of what is noticed, and remembers them."""

from __future__ import annotations

from contextlib import ExitStack
import sys
import time
from typing import Any, Optional

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Diagnostics, Level, Status
from minicpmo_ros.errors import ParameterError, WatchError
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.watch.event_component import EventComponent
from minicpmo_ros.watch.mqtt_bridge import MqttBridge
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.room_component import RoomComponent
from minicpmo_ros.watch.schedule import parse_day_span

TICK_SECONDS = 0.25


class EventsNode(Node):
    """Thin node: what the other nodes publish goes to the component, services answer people."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('events_node', **node_options)
        self._resources = ExitStack()
        self._server = ParameterServer(self, EventParameters, self._check)
        self._check(self._server.value, set())
        mqtt = self._server.value.mqtt
        self._home = MqttBridge(mqtt) if mqtt.enabled else None
        if self._home is not None:
            self._resources.callback(self._home.close)
        forward = [self._home.send] if self._home is not None else []
        self._events = EventComponent(self, lambda: self._server.value, forward)
        self._resources.callback(self._events.close)
        self._room = RoomComponent(self, self._events, time.monotonic)
        self._watching: Optional[bool] = None
        self._create_interfaces()
        self._diagnostics = Diagnostics(self, 'events', self._collect)
        self._show_camera()

    def _create_interfaces(self) -> None:
        self._camera_state = self.create_publisher(Bool, 'camera_enabled', qos.STATE)
        self._watching_state = self.create_publisher(Bool, 'watching', qos.STATE)
        self.create_service(SetBool, '~/camera', self._on_camera)
        self.create_service(Trigger, '~/acknowledge', self._on_acknowledge)
        self.create_service(Trigger, '~/export', self._on_export)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK_SECONDS, self._tick, clock=steady)

    def _check(self, parameters: EventParameters, changed: set[str]) -> None:
        try:
            for span in parameters.quiet_hours:
                parse_day_span(span)
        except WatchError as error:
            raise ParameterError(f'quiet_hours: {error}') from error
        if parameters.confirm_needed > parameters.confirm_window:
            raise ParameterError(
                f'confirm_needed is {parameters.confirm_needed} of the last'
                f' {parameters.confirm_window} answers (confirm_window), which can never be;'
                ' make confirm_needed smaller or, first, confirm_window larger'
            )

    def _on_camera(self, request: SetBool.Request, reply: SetBool.Response) -> SetBool.Response:
        self._events.watch.camera = request.data
        self._show_camera()
        self._events.take_picture(b'')
        self._events.watch.save()
        reply.success = True
        reply.message = 'the camera is on' if request.data else 'the camera is off'
        return reply

    def _on_acknowledge(
        self, request: Trigger.Request, reply: Trigger.Response
    ) -> Trigger.Response:
        count = self._events.acknowledge()
        reply.success = count > 0
        reply.message = f'{count} events acknowledged'
        return reply

    def _on_export(self, request: Trigger.Request, reply: Trigger.Response) -> Trigger.Response:
        reply.message = self._events.export()
        reply.success = reply.message.startswith('written')
        return reply

    def _show_camera(self) -> None:
        self._camera_state.publish(Bool(data=self._events.watch.camera))
        self._show_watching()

    def _show_watching(self) -> None:
        watching = self._events.watch.camera and self._events.room.is_ready(time.monotonic())
        if watching != self._watching:
            self._watching = watching
            self._watching_state.publish(Bool(data=watching))

    def _tick(self) -> None:
        self._events.tick(self._wall(), time.monotonic())
        self._show_watching()

    def _wall(self) -> float:
        return self.get_clock().now().nanoseconds / 1e9

    def _collect(self) -> list[Status]:
        lines = [self._events.status()]
        if self._home is not None:
            lines.append(_home_status(self._home))
        return lines

    def destroy_node(self) -> None:
        """Write what waits, then destroy the node."""
        self._resources.close()
        super().destroy_node()


def _home_status(home: MqttBridge) -> Status:
    values = {'waiting': home.waiting, 'lost': home.lost}
    if not home.connected:
        return Status('mqtt', Level.WARN, 'the broker is away; events wait', values)
    return Status('mqtt', Level.OK, 'connected', values)


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    return run_node(EventsNode, args)


if __name__ == '__main__':
    sys.exit(main())
