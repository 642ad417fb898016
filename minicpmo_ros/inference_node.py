# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that runs the model: units in; speech, text, events and the duplex state out."""

from __future__ import annotations

from contextlib import ExitStack
import sys
import time
from typing import Any, Optional

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool, Trigger

from minicpmo.errors import MiniCPMOError
from minicpmo.protocol import Backend, Heard, Session
from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Diagnostics, Level, Status
from minicpmo_ros.errors import AssistantError, MessageError
from minicpmo_ros.inference import message_builder as build
from minicpmo_ros.inference.backend_loader import Loader, load_backend, session_options
from minicpmo_ros.inference.conversation import Conversation
from minicpmo_ros.inference.health import judge
from minicpmo_ros.inference.output_component import OutputComponent
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.request_component import RequestComponent
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import UnitQueue
from minicpmo_ros.inference.worker import InferenceWorker, WorkerCallbacks
from minicpmo_ros.msg import DuplexState, Interruption, OmniUnit
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.stamp import seconds_of

UNIT_PERIOD = 1.0
STOP_SECONDS = 1.0
# A warning of the same kind is written at most so often [s].
WARNING_SECONDS = 5.0


class InferenceNode(LifecycleNode):
    """Lifecycle node around one session of one backend.

    configure loads the model and may take minutes, activate begins to listen, deactivate stops
    listening, cleanup frees the device. Model work happens in the worker's thread, which also
    publishes.
    """

    def __init__(
        self,
        loader: Loader = load_backend,
        **node_options: Any,
    ) -> None:
        super().__init__('inference_node', **node_options)
        self._resources = ExitStack()
        self._server = ParameterServer(self, InferenceParameters, self._apply)
        self._load = loader
        self._backend: Optional[Backend] = None
        self._worker: Optional[InferenceWorker] = None
        self._output = OutputComponent(self, lambda: self.parameters)
        self._requests = RequestComponent(self, self.parameters.question_share)
        self._conversation = Conversation(self._output.publish_turn)
        self._unit_time = 0.0
        self._context_tokens = 0
        self._malformed = 0
        self._load_error = ''
        self._active = False
        self._create_interfaces()
        self._resources.callback(self._publish_state)
        self._resources.callback(self._free)
        self._diagnostics = Diagnostics(self, 'model', self._collect)
        if self.parameters.autostart:
            self._autostart_timer = self.create_timer(0.05, self._autostart)

    @property
    def parameters(self) -> InferenceParameters:
        """Return the parameters in force."""
        return self._server.value

    def _create_interfaces(self) -> None:
        self._state = self.create_publisher(DuplexState, 'duplex_state', qos.STATE)
        subscribe = self.create_subscription
        subscribe(OmniUnit, 'omni_unit', self._on_unit, qos.STREAM)
        subscribe(Interruption, 'interruption', self._on_interruption, qos.EVENT)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.create_service(SetBool, '~/pause', self._on_pause)
        self.create_timer(1.0, self._publish_state)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and prepare a session."""
        begun = time.monotonic()
        self._load_error = ''
        self.get_logger().info(f'loading {self.parameters.model_path} ...')
        try:
            self._backend = self._load(self.parameters, self._on_progress)
            session = self._make_session()
        except (AssistantError, MiniCPMOError) as error:
            self.get_logger().error(f'the model cannot be loaded: {error}')
            self._load_error = str(error)
            self._publish_state()
            return TransitionCallbackReturn.FAILURE
        self._start_worker(session)
        seconds = time.monotonic() - begun
        runs = self._backend.capabilities.execution
        self.get_logger().info(f'{self._output.model_id} is ready after {seconds:.1f} s: {runs}')
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen."""
        self._active = True
        self._publish_state()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the conversation is kept."""
        self._active = False
        self._publish_state()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model from whatever state."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker, say goodbye on the state topic and destroy the node."""
        self._resources.close()
        super().destroy_node()

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            return
        self.trigger_activate()

    def _free(self) -> None:
        self._active = False
        if self._worker is not None and not self._worker.stop(STOP_SECONDS):
            self.get_logger().warning('the model is still busy with a unit; leaving it behind')
        self._requests.detach()
        self._worker = None
        self._backend = None

    def _on_progress(self, done: int, total: int) -> None:
        text = f'{done / 1e6:.0f} of {total / 1e6:.0f} MB read'
        self.get_logger().info(text, throttle_duration_sec=WARNING_SECONDS)

    def _start_worker(self, session: Session) -> None:
        capabilities = self._backend.capabilities
        self._output.model_id = capabilities.model_id
        queue = UnitQueue(self.parameters.max_units_behind)
        begin, answer = self._conversation.start_unit, self._requests.answer
        callbacks = WorkerCallbacks(begin, self._on_outcome, self._on_failure, answer)
        vision = capabilities.vision
        self._worker = InferenceWorker(session, queue, callbacks, time.monotonic, vision)
        self._worker.begin_rule.follow(self.parameters)
        self._requests.attach(self._worker, capabilities)

    def _make_session(self) -> Session:
        parameters = self.parameters
        return self._backend.prepare(parameters.instruction or None, **session_options(parameters))

    def _apply(self, parameters: InferenceParameters, changed: set[str]) -> None:
        self._requests.set_share(parameters.question_share)
        if self._worker is not None:
            self._worker.begin_rule.follow(parameters)
        if 'instruction' in changed and self._worker is not None:
            options = session_options(parameters)
            backend, instruction = self._backend, parameters.instruction or None
            self._worker.replace(lambda: backend.prepare(instruction, **options))

    def _on_unit(self, message: OmniUnit) -> None:
        if not self._active or self._worker is None:
            return
        try:
            self._worker.put(build.pending_unit(message, time.monotonic()))
        except MessageError as error:
            self._malformed += 1
            self._warn(f'omni_unit: {error}')

    def _on_interruption(self, message: Interruption) -> None:
        if message.stage != Interruption.CONFIRM:
            return
        changed, cut = self._conversation.interrupt(message.epoch)
        if not changed:
            return
        if self._worker is not None:  # also after the turn: its end may not have been heard
            self._worker.interrupt(Heard(seconds_of(message.played), message.heard_text or None))
        if cut is not None:
            self._output.publish_cut(cut, message.heard_text)
        self._publish_state()

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._worker is None:
            response.message = 'no model is loaded'
            return response
        epoch = self._conversation.reset()
        self._worker.reset()
        self._interrupt(epoch, Interruption.REQUEST)
        self._publish_state()
        response.success = True
        response.message = 'a new conversation begins'
        return response

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if self._worker is None:
            response.message = 'no model is loaded'
            return response
        self._worker.pause(request.data)
        self._publish_state()
        response.success = True
        response.message = 'paused' if request.data else 'listening'
        return response

    def _on_outcome(self, outcome: UnitOutcome) -> None:
        self._unit_time = outcome.total_time
        self._context_tokens = outcome.result.context_tokens
        was_speaking = self._conversation.speaking
        output = self._conversation.finish_unit(outcome)
        if output is not None and output.yielded:
            self._interrupt(output.epoch, Interruption.MODEL_YIELD)
        conversation = self._conversation
        self._output.publish_report(outcome, conversation.turn_id, conversation.gate.current)
        if was_speaking != self._conversation.speaking:
            self._publish_state()

    def _interrupt(self, epoch: int, reason: int) -> None:
        self._output.publish_interruption(self._conversation.turn_id, epoch, reason)

    def _on_failure(self, text: str) -> None:
        self._warn(text)
        if self._worker is not None and self._worker.state.failed:
            self._publish_state()

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=WARNING_SECONDS)

    def _publish_state(self) -> None:
        worker = self._worker
        message = DuplexState(
            state=self._current_state(),
            turn_id=self._conversation.turn_id,
            epoch=self._conversation.gate.current,
            unit_time=self._unit_time,
            unit_period=UNIT_PERIOD,
            units_behind=worker.units_behind if worker else 0,
            context_tokens=self._context_tokens,
            detail=self._load_error or (worker.state.last_error if worker else ''),
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._state.publish(message)

    def _current_state(self) -> int:
        worker = self._worker
        if self._load_error or (worker is not None and worker.state.failed):
            return DuplexState.ERROR
        if worker is None or not self._active:
            return DuplexState.INACTIVE
        if worker.state.paused:
            return DuplexState.PAUSED
        return DuplexState.SPEAKING if self._conversation.speaking else DuplexState.LISTENING

    def _collect(self) -> list[Status]:
        worker = self._worker
        if worker is None:
            level = Level.ERROR if self._load_error else Level.WARN
            return [Status('model', level, self._load_error or 'no model is loaded')]
        values = {
            'runs on': self._backend.capabilities.execution,
            'unit time [s]': self._unit_time,
            'units behind': worker.units_behind,
            'units': worker.state.units,
            'units rejected': worker.state.rejected,
            'units malformed': self._malformed,
            'units lost': worker.queue.lost,
            'pictures shed': worker.state.pictures_shed,
            'shedding': worker.ladder.rung.says,
            'load': round(worker.ladder.load, 2),
            'context tokens': self._context_tokens,
            'last error': worker.state.last_error,
        }
        level, message = judge(worker, self._malformed)
        return [Status('model', level, message, values)]


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    return run_node(InferenceNode, args)


if __name__ == '__main__':
    sys.exit(main())
