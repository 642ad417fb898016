# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stops the robot when somebody says so, whatever the model is doing."""

from __future__ import annotations

import time
from typing import Optional

import numpy as np
from rclpy.node import Node

from minicpmo_ros.barge_in.policy import Input
from minicpmo_ros.barge_in.speech_evidence import SpeechFrame
from minicpmo_ros.bridge.barge_in_component import BargeInComponent
from minicpmo_ros.bridge.stop_phrase_parameter import StopPhraseParameters
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.message_bytes import to_int16
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.sound_device.microphone_subscription import MicrophoneSubscription
from minicpmo_ros.stop_phrase.spotter import StopPhraseSpotter
from minicpmo_ros.stop_phrase.voice_gate import VoiceGate


class StopPhraseComponent:
    """Runs the spotter on the topic ``audio``; needs neither the model nor a network."""

    def __init__(self, node: Node, barge_in: BargeInComponent) -> None:
        self._node = node
        self._barge_in = barge_in
        self._heard: dict[str, int] = {}
        self._voice = VoiceGate()
        self._noises = 0
        self._spotter: Optional[StopPhraseSpotter] = None
        self._server = ParameterServer(node, StopPhraseParameters, self._apply)
        settings = self._server.value.stop_phrase
        if settings.enabled:
            self._spotter = StopPhraseSpotter(settings.phrases, settings.threshold)
            self._microphone = MicrophoneSubscription(node, self._on_audio)
            barge_in.on_speech_frame.append(self._on_speech_frame)

    def _apply(self, parameters: StopPhraseParameters, changed: set[str]) -> None:
        if self._spotter is not None:
            self._spotter.threshold = parameters.stop_phrase.threshold

    def _on_speech_frame(self, frame: SpeechFrame) -> None:
        self._voice.update(frame.probability, frame.time)

    def _on_audio(self, samples: np.ndarray, stamp: float) -> None:
        spotted = self._spotter.process(to_int16(samples))
        if spotted is None:
            return
        if not self._voice.admits(time.monotonic()):
            self._noises += 1
            return
        self._heard[spotted.phrase] = self._heard.get(spotted.phrase, 0) + 1
        self._node.get_logger().info(f'heard {spotted.phrase!r} ({spotted.confidence:.2f})')
        self._barge_in.stop(Input.STOP_PHRASE, spotted.confidence)

    def status(self) -> Status:
        """Return the health of the spotter."""
        if self._spotter is None:
            return Status('stop phrases', Level.WARN, 'switched off by stop_phrase.enabled')
        values = {**self._heard, 'noises like a phrase': self._noises}
        return Status('stop phrases', Level.OK, 'listening', values)
