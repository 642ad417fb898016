# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Microphone, engine, policy and a model that talks, on one sample counter."""

from __future__ import annotations

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
    ) -> None:
        self.scenario = scenario
        self.record = Record(scenario, robot_begin=robot_begin)
        self.blocks = int(duration / BLOCK_SECONDS)
        self.room = np.zeros(self.blocks * BLOCK, np.float32)
        self.later: list[tuple[Event, np.ndarray]] = []
        self.engine = system.make_engine()
        self.policy = system.make_policy()
        self.answer = answer
        self.turn, self.epoch = 1, 1
        self.pieces_begin = robot_begin
        self.next_piece = 0
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
        if not self.announced and now >= self.decided_at:
            self.announced = True
            self.decide(self.policy.model(True, self.turn, self.epoch, now), now)
        change = self.scenario.volume_change
        if change != 1.0 and now >= self.record.robot_begin + 1.0:
            self.engine.volume = change
        count = int(PIECE_SECONDS * SAMPLE_RATE)
        total = math.ceil(self.answer.size / count)
        due = self.pieces_begin - 0.02 + self.next_piece * PIECE_INTERVAL
        late = self.cut_at is not None and now > self.cut_at + LATE_PIECES * PIECE_INTERVAL
        if self.next_piece < total and now >= due and not late:
            begin = self.next_piece * count
            piece = SpeechPiece(
                self.turn,
                self.epoch,
                self.next_piece,
                begin / SAMPLE_RATE,
                SAMPLE_RATE,
                self.answer[begin : begin + count],
                last=self.next_piece == total - 1,
            )
            self.engine.playback.push(piece)
            if isinstance(self.policy, BargeInController):
                words = ' '.join(f'{self.next_piece}.{word}' for word in range(3)) + ' '
                self.policy.heard.add(self.turn, begin / SAMPLE_RATE, PIECE_SECONDS, words)
            self.next_piece += 1
        self.answer_cut(now)

    def answer_cut(self, now: float) -> None:
        """Begin a second turn after a cut, where the scene has a second interruption."""
        if not self.later or self.cut_at is None:
            return
        quiet = max(self.cut_at, self.record.placed[0].end) + 0.7
        if now < quiet:
            return
        self.turn, self.epoch = 2, 2
        self.pieces_begin, self.next_piece, self.cut_at = now + 0.1, 0, None
        self.record.last_sound.setdefault(1, now)
        self.decide(self.policy.model(True, 2, 2, now), now)
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
        if self.cut_at is not None and after.epoch <= self.epoch and now > self.cut_at + 0.02:
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
