# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bridge between the assistant and the robot: who may stop it, and what it may do."""

from __future__ import annotations

from contextlib import ExitStack
import sys
from typing import Any, Optional

from rclpy.node import Node

from minicpmo_ros.actions.action_component import ActionComponent
from minicpmo_ros.bridge.barge_in_component import BargeInComponent
from minicpmo_ros.bridge.bridge_parameter import BridgeParameters
from minicpmo_ros.bridge.speech_gate_component import SpeechGateComponent
from minicpmo_ros.bridge.stop_phrase_component import StopPhraseComponent
from minicpmo_ros.diagnostics import Diagnostics, Status
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer


class BridgeNode(Node):
    """Thin node made of components; each has interfaces and parameters of its own."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('bridge_node', **node_options)
        self._resources = ExitStack()
        self._barge_in = BargeInComponent(self)
        self._actions = ActionComponent(self, self._barge_in.emergency_stop)
        self._resources.callback(self._actions.close)
        self._stop_phrases = StopPhraseComponent(self, self._barge_in)
        self._components = [self._barge_in, self._stop_phrases, self._actions]
        if not ParameterServer(self, BridgeParameters).value.use_audio_devices:
            gate = SpeechGateComponent(self)
            self._resources.callback(gate.close)
            self._components.append(gate)
        self._diagnostics = Diagnostics(self, 'bridge', self._collect)

    def _collect(self) -> list[Status]:
        return [component.status() for component in self._components]

    def destroy_node(self) -> None:
        """Cancel what is under way before the clients are gone."""
        self._resources.close()
        super().destroy_node()


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    return run_node(BridgeNode, args)


if __name__ == '__main__':
    sys.exit(main())
