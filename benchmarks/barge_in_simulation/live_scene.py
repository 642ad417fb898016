# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Microphone, engine, policy and a model that talks, on one sample counter."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Optional

import numpy as np

from benchmarks.barge_in_simulation.acoustic_path import EchoPath
from benchmarks.barge_in_simulation.record import Issued, PlacedEvent, Record, System
from benchmarks.barge_in_simulation.scenario import Event, Scenario
from minicpmo_ros.barge_in.controller import BargeInController, Command, PlaybackReport
from minicpmo_ros.barge_in.policy import Output
from minicpmo_ros.barge_in.speech_evidence import SpeechFrame
from minicpmo_ros.sound_device.playback_queue import SpeechPiece
from training.nano.voice import SAMPLE_RATE

BLOCK = 160
BLOCK_SECONDS = BLOCK / SAMPLE_RATE
PIECE_SECONDS = 1.0
# The model works a little faster than real time, and goes on for a while after a cut it missed.
PIECE_INTERVAL = 0.9
LATE_PIECES = 2
REPORT_BLOCKS = 10
GREETING_BEGIN = 0.5


@dataclass
class Turn:
    """What the model says in one turn, from a time on [s]; float32 at 16 kHz."""

    turn_id: int
    epoch: int
    sound: np.ndarray
    begin: float
    next_piece: int = 0

    def due(self, now: float) -> Optional[SpeechPiece]:
        """Return the piece whose time has come; the model works a little ahead."""
        count = int(PIECE_SECONDS * SAMPLE_RATE)
        total = math.ceil(self.sound.size / count)
        if self.next_piece >= total or now < self.begin - 0.02 + self.next_piece * PIECE_INTERVAL:
            return None
        number, first = self.next_piece, self.next_piece * count
        self.next_piece += 1
        return SpeechPiece(
            self.turn_id,
            self.epoch,
            number,
            first / SAMPLE_RATE,
            SAMPLE_RATE,
            self.sound[first : first + count],
            last=number == total - 1,
        )


class LiveScene:
    """State of a running trial; takes 10 ms after 10 ms."""

    path: EchoPath

    def __init__(
        self,
        scenario: Scenario,
        system: System,
        robot_begin: float,
        answer: np.ndarray,
        duration: float,
        greeting: Optional[np.ndarray] = None,
    ) -> None:
        self.scenario = scenario
        self.greeting = None if greeting is None else Turn(1, 1, greeting, GREETING_BEGIN)
        self.turn = Turn(1 if greeting is None else 2, 1, answer, robot_begin)
        self.record = Record(scenario, robot_begin=robot_begin, turn_id=self.turn.turn_id)
        self.blocks = int(duration / BLOCK_SECONDS)
        self.room = np.zeros(self.blocks * BLOCK, np.float32)
        self.later: list[tuple[Event, np.ndarray]] = []
        self.engine = system.make_engine()
        self.policy = system.make_policy()
        self.decided_at = robot_begin - scenario.thinking
        self.announced = False
        self.cut_at: Optional[float] = None
        self.pending: list[Issued] = []
        self.reported: Optional[tuple] = None
        self.echo = np.zeros(BLOCK, np.float32)

    def add(self, end: float, sound: np.ndarray, length: int) -> None:
        """Let a sound be heard whose first ``length`` samples end at a time [s]."""
        first = max(int(end * SAMPLE_RATE) - length, 0)
        space = self.room[first : first + sound.size]
        space += sound[: space.size]

    def place(self, event: Event, begin: float, sound: np.ndarray) -> None:
        """Let a sound be heard from a time on [s]."""
        first = int(begin * SAMPLE_RATE)
        space = self.room[max(first, 0) : max(first, 0) + sound.size]
        space += sound[: space.size]
        self.record.placed.append(PlacedEvent(event, begin, begin + sound.size / SAMPLE_RATE))

    def go(self) -> None:
        """Run block by block."""
        for number in range(self.blocks):
            self.block(number)
            if self.cut_at is not None and not self.later:
                if number * BLOCK_SECONDS > self.cut_at + LATE_PIECES * PIECE_INTERVAL:
                    return

    def block(self, number: int) -> None:
        """Run 10 ms: what was decided before takes effect first."""
        now = number * BLOCK_SECONDS
        self.obey()
        self.model_works(now)
        microphone = self.room[number * BLOCK : (number + 1) * BLOCK] + self.echo
        before = self.engine.playback.state()
        rendered, frames = self.engine.process(np.clip(microphone, -1.0, 1.0))
        after = self.engine.playback.state()
        self.account(before, after, now)
        self.echo = self.path.process(rendered)
        end = now + BLOCK_SECONDS
        self.report(number, end)
        for frame in frames:
            detection = frame.detection
            self.decide(
                self.policy.user_speech(SpeechFrame(end, detection.probability, detection.level)),
                end,
            )
        if number % 5 == 0:
            self.decide(self.policy.tick(end), end)

    def obey(self) -> None:
        """Carry out what was decided in the block before: messages take less than 10 ms."""
        for issued in self.pending:
            command, playback = issued.command, self.engine.playback
            if command.stage is Output.PAUSE:
                playback.pause()
            elif command.stage is Output.RESUME:
                playback.resume()
            else:
                playback.flush(command.epoch)
        self.pending.clear()

    def model_works(self, now: float) -> None:
        """Announce the turn, send its pieces, some of them too late, and answer a cut."""
        if self.greeting is not None:
            self.greet(self.greeting, now)
        turn = self.turn
        if not self.announced and now >= self.decided_at:
            self.announced = True
            self.decide(self.policy.model(True, turn.turn_id, turn.epoch, now), now)
        change = self.scenario.volume_change
        if change != 1.0 and now >= self.record.robot_begin + 1.0:
            self.engine.volume = change
        late = self.cut_at is not None and now > self.cut_at + LATE_PIECES * PIECE_INTERVAL
        piece = None if late else turn.due(now)
        if piece is not None:
            self.engine.playback.push(piece)
            if isinstance(self.policy, BargeInController):
                words = ' '.join(f'{piece.index}.{word}' for word in range(3)) + ' '
                self.policy.heard.add(turn.turn_id, piece.offset, PIECE_SECONDS, words)
        self.answer_cut(now)

    def greet(self, turn: Turn, now: float) -> None:
        """Say something before the question, so that the canceller knows the room."""
        piece = turn.due(now)
        if piece is not None:
            if turn.next_piece == 1:
                self.decide(self.policy.model(True, turn.turn_id, turn.epoch, now), now)
            self.engine.playback.push(piece)
            if piece.last:
                self.decide(self.policy.model(False, turn.turn_id, turn.epoch, now), now)

    def answer_cut(self, now: float) -> None:
        """Begin a second turn after a cut, where the scene has a second interruption."""
        if not self.later or self.cut_at is None:
            return
        quiet = max(self.cut_at, self.record.placed[0].end) + 0.7
        if now < quiet:
            return
        cut, self.cut_at = self.turn, None
        self.turn = Turn(cut.turn_id + 1, cut.epoch + 1, cut.sound, now + 0.1)
        self.record.last_sound.setdefault(cut.turn_id, now)
        self.decide(self.policy.model(True, self.turn.turn_id, self.turn.epoch, now), now)
        event, sound = self.later.pop()
        self.place(event, now + 0.1 + event.time, sound)

    def account(self, before: object, after: object, now: float) -> None:
        """Note what the loudspeaker really did in this block."""
        advanced = after.turn_id != before.turn_id or after.played != before.played
        if not advanced:
            return
        start = before.played if after.turn_id == before.turn_id else 0.0
        seconds = min(max(after.played - start, 0.0), BLOCK_SECONDS)
        record = self.record
        record.first_sound.setdefault(after.turn_id, now)
        record.last_sound[after.turn_id] = now + seconds
        record.played[after.turn_id] = after.played
        record.sounding += seconds
        if self.cut_at is not None and after.epoch <= self.turn.epoch and now > self.cut_at + 0.02:
            record.stale_seconds += seconds

    def report(self, number: int, end: float) -> None:
        """Report the playback on every change and ten times a second, as the node does."""
        state = self.engine.playback.state()
        key = (state.turn_id, state.epoch, state.playing, state.paused, state.queued > 0.0)
        if key == self.reported and number % REPORT_BLOCKS:
            return
        self.reported = key
        report = PlaybackReport(
            end,
            state.turn_id,
            state.epoch,
            state.playing,
            state.paused,
            state.played,
            state.queued,
        )
        self.decide(self.policy.playback(report), end)

    def decide(self, commands: list[Command], now: float) -> None:
        """Note the commands; they take effect with the next block."""
        for command in commands:
            issued = Issued(now, command, self.engine.playback.state().played)
            self.record.issued.append(issued)
            self.pending.append(issued)
            if command.stage is Output.CONFIRM:
                self.cut_at = now
