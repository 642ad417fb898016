# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The assistant around a session, made of the components of its nodes, played a scene.

Not simulated but the real thing: queue, worker, question budget, conversation and turns, what the
inference node publishes, watches, confirmation, event policy, announcements and store. Simulated
are the loudspeaker (PlaybackStatus, by the length of the words), the speech detector
(UserSpeech, by the truth) and a bridge that stops the voice when a person talks over it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy as np
from sensor_msgs.msg import CompressedImage

from benchmarks.proactive_simulation.loopback import (
    BEGIN,
    NANOSECONDS,
    Loopback,
    LoopbackNode,
    VirtualClock,
)
from benchmarks.proactive_simulation.observer import Observer
from benchmarks.proactive_simulation.recording import Recording, Second, Truth, WatchChange
from minicpmo.protocol import Capabilities, Heard, Session, Unit, UnitResult
from minicpmo_ros.inference import message_builder as build
from minicpmo_ros.inference.conversation import Conversation
from minicpmo_ros.inference.output_component import OutputComponent
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.request_component import RequestComponent
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import UnitQueue
from minicpmo_ros.inference.worker import InferenceWorker, WorkerCallbacks
from minicpmo_ros.message_bytes import byte_array, sample_array
from minicpmo_ros.msg import (
    Announcement,
    DuplexState,
    EventCommand,
    Interruption,
    OmniUnit,
    PlaybackStatus,
    TextDelta,
    UserSpeech,
    WatchCommand,
)
from minicpmo_ros.stamp import time_message
from minicpmo_ros.watch.event_component import EventComponent
from minicpmo_ros.watch.event_message import watch_message
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.room_component import RoomComponent

STEPS = 8  # of a second, in which the speech detector, the loudspeaker and the events' clock go on
CHARACTERS_PER_SECOND = 15.0
BARGE_IN_SECONDS = 0.4
ACKNOWLEDGED_AFTER = 10.0
LEAD_IN_SECONDS = 8  # for every promise, before the scene begins


@dataclass(frozen=True)
class Mode:
    """How the assistant watches. questions: the scheduler asks; else the model was only told."""

    name: str
    questions: bool


class Loudspeaker:
    """Plays what is said at the pace of a voice; a person who talks over it stops it."""

    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._until = 0.0
        self._playing = False
        self._epoch = 0
        self._over: float | None = None
        loopback.subscribe('text_delta', self._on_text)

    def step(self, time: float, talking: bool) -> bool:
        """Go on to ``time``; return whether it is stopped now by somebody who talks over it."""
        playing = time < self._until
        if playing != self._playing:
            self._playing = playing
            self._loopback.publish('playback', PlaybackStatus(playing=playing, epoch=self._epoch))
        if not (playing and talking):
            self._over = None
            return False
        self._over = time if self._over is None else self._over
        if time - self._over < BARGE_IN_SECONDS:
            return False
        self._until, self._over = time, None
        return True

    def _on_text(self, message: TextDelta) -> None:
        now = self._loopback.clock()
        self._epoch = message.epoch
        self._until = max(self._until, now) + len(message.delta) / CHARACTERS_PER_SECOND


class AttendedSession:
    """A session in whose working time the speech detector goes on.

    meanwhile: called when the answer to a unit is known, before anybody hears of it.
    """

    def __init__(self, session: Session, meanwhile: Callable[[], None]) -> None:
        self._session = session
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def step(self, unit: Unit) -> UnitResult:
        """Process one unit."""
        result = self._session.step(unit)
        self._meanwhile()
        return result

    def finish(self) -> UnitResult:
        """Return the result of the unit that was begun."""
        result = self._session.finish()
        self._meanwhile()
        return result


class Assistant:
    """One assistant on its own clock; ``play`` runs a scene and returns what was observed."""

    def __init__(
        self, session: Session, capabilities: Capabilities, folder: Path, mode: Mode
    ) -> None:
        self._mode = mode
        self._clock = VirtualClock()
        self._loopback = Loopback(self._clock)
        self._begin_inference(session, capabilities)
        self._begin_events(folder)
        self._loudspeaker = Loudspeaker(self._loopback)
        self._offset = 0.0
        self._truth: Optional[Truth] = None

    def play(self, recording: Recording) -> Observer:
        """Play a whole scene."""
        truth = recording.truth
        observer = Observer(self._loopback, truth)
        self._state(DuplexState.LISTENING)
        if not self._mode.questions:
            first = next(iter(recording.seconds()))
            self._make_promises(truth.promises, replace(first, sound=np.zeros_like(first.sound)))
        self._offset = observer.offset = self._clock()
        self._truth = truth
        for watch in truth.watches:
            self._command(WatchCommand.ADD, watch_message(watch))
        changes = list(truth.changes)
        for index, second in enumerate(recording.seconds()):
            self._pass_second(index, observer, changes)
            self._work(index, second, truth.is_detected(index + 1.0))
        self._worker.stop(0.0)
        self._events.close()
        observer.warnings = list(self._loopback.warnings)
        return observer

    def _begin_inference(self, session: Session, capabilities: Capabilities) -> None:
        node, parameters = LoopbackNode('inference_node', self._loopback), InferenceParameters()
        self._output = OutputComponent(node, lambda: parameters)
        self._output.model_id = capabilities.model_id
        self._conversation = Conversation(self._output.publish_turn)
        requests = RequestComponent(node, parameters.question_share)
        callbacks = WorkerCallbacks(
            self._conversation.start_unit, self._on_outcome, self._fail, requests.answer
        )
        self._worker = InferenceWorker(
            AttendedSession(session, self._detect_speech),
            UnitQueue(),
            callbacks,
            self._clock,
            threaded=False,
        )
        self._worker.begin_rule.follow(parameters)
        requests.attach(self._worker, capabilities)

    def _begin_events(self, folder: Path) -> None:
        node = LoopbackNode('events_node', self._loopback)
        parameters = EventParameters(
            watches_file='',
            data_folder=str(folder),
            time_zone='UTC',
            max_proactive_per_hour=1000,
            watches_by_speech=False,
            questions_per_unit=EventParameters().questions_per_unit if self._mode.questions else 0,
        )
        self._events = EventComponent(node, lambda: parameters, [], self._clock)
        self._room = RoomComponent(node, self._events, self._clock)

    def _make_promises(self, promises: list[str], silence: Second) -> None:
        """Let the model agree to every watch in its own words, as after a request."""
        for text in promises:
            self._loopback.publish('announcement', Announcement(text=text))
            for _ in range(LEAD_IN_SECONDS):
                end = float(int(self._clock()) + 1)
                self._clock.advance_to(end)
                self._loudspeaker.step(end, False)
                self._work(round(end - self._offset) - 1, silence, False)

    def _pass_second(self, index: int, observer: Observer, changes: list[WatchChange]) -> None:
        for step in range(1, STEPS + 1):
            scene_time = index + step / STEPS
            self._clock.advance_to(self._offset + scene_time)
            now = self._clock()
            while changes and changes[0].time <= scene_time:
                self._change(changes.pop(0), observer)
            detected = self._detect_speech()
            if self._loudspeaker.step(now, detected):
                self._interrupt()
            for event_id in observer.take_unacknowledged(scene_time - ACKNOWLEDGED_AFTER):
                self._loopback.publish('event_command', EventCommand(event_id=event_id))
            self._events.tick(BEGIN + now, now)

    def _detect_speech(self) -> bool:
        """Publish whether the speech detector hears somebody now, and return it."""
        heard = self._truth is not None and self._truth.is_detected(self._clock() - self._offset)
        self._loopback.publish('user_speech', UserSpeech(active=heard))
        return heard

    def _work(self, index: int, second: Second, speaking: bool) -> None:
        end = round((BEGIN + self._offset + index + 1.0) * NANOSECONDS)
        message = OmniUnit(unit_index=max(index, 0), sample_rate=16000, user_speaking=speaking)
        message.speech_fraction = float(speaking)
        message.header.stamp = time_message(end - round(NANOSECONDS))
        message.audio_end = time_message(end)
        message.audio = sample_array(second.sound)
        if second.picture:
            image = CompressedImage(format='jpeg', data=byte_array(second.picture))
            image.header.stamp = message.audio_end
            message.images = [image]
        self._loopback.publish('omni_unit', message)
        self._worker.put(build.pending_unit(message, self._clock()))
        self._clock.run(self._worker.work)

    def _on_outcome(self, outcome: UnitOutcome) -> None:
        conversation = self._conversation
        output = conversation.finish_unit(outcome)
        if output is not None and output.yielded:
            self._output.publish_interruption(
                conversation.turn_id, output.epoch, Interruption.MODEL_YIELD
            )
        epoch = conversation.gate.current
        self._output.publish_report(outcome, conversation.turn_id, epoch)
        speaking = conversation.speaking
        self._state(DuplexState.SPEAKING if speaking else DuplexState.LISTENING)

    def _interrupt(self) -> None:
        changed, cut = self._conversation.interrupt(self._conversation.gate.current)
        if changed:
            self._worker.interrupt(Heard(BARGE_IN_SECONDS))
        if cut is not None:
            self._output.publish_cut(cut, '')
        self._state(DuplexState.LISTENING)

    def _change(self, change: WatchChange, observer: Observer) -> None:
        watch = next(w for w in observer.truth.watches if w.id == change.watch_id)
        command = WatchCommand.ADD if change.adds else WatchCommand.CANCEL
        observer.note_change(change)
        self._command(command, watch_message(watch))

    def _command(self, command: int, watch: object) -> None:
        self._loopback.publish('watch_command', WatchCommand(command=command, watch=watch))

    def _state(self, state: int) -> None:
        self._loopback.publish('duplex_state', DuplexState(state=state), latched=True)

    def _fail(self, text: str) -> None:
        raise RuntimeError(text)
