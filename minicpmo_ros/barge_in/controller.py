# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Barge-in as a whole: what was observed goes in, commands to player and inference come out."""

from __future__ import annotations

from dataclasses import dataclass
import enum
import math
from typing import Optional

from minicpmo_ros.barge_in.configuration import OPEN, PUSH_TO_TALK, BargeInConfig
from minicpmo_ros.barge_in.heard_speech import HeardSpeech
from minicpmo_ros.barge_in.noise_floor import NoiseFloor
from minicpmo_ros.barge_in.policy import Input, Output, Policy, State
from minicpmo_ros.barge_in.speaker_level import SpeakerLevel
from minicpmo_ros.barge_in.speech_evidence import FrameVerdict, SpeechEvidence, SpeechFrame
from minicpmo_ros.epoch_gate import EpochGate

# The room still rings this long after the loudspeaker fell silent [s].
ECHO_TAIL = 0.2
# A reported playback position is carried forward at most this far [s].
REPORT_AGE_LIMIT = 0.15
# Silence after which the canceller is taken to start anew [s].
GUARD_SILENCE = 1.0
# A model that still reports a void epoch after this time has missed the cut [s].
REMIND_SECONDS = 1.5


class Reason(enum.IntEnum):
    """Why the robot was stopped; the numbers are those of Interruption.msg."""

    USER_SPEECH = 0
    STOP_PHRASE = 1
    REQUEST = 2
    ACTION = 3
    EMERGENCY_STOP = 4
    MODEL_YIELD = 5


REASONS = {
    Input.STOP_PHRASE: Reason.STOP_PHRASE,
    Input.REQUEST: Reason.REQUEST,
    Input.ACTION: Reason.ACTION,
    Input.HALT: Reason.EMERGENCY_STOP,
    Input.MODEL_YIELD: Reason.MODEL_YIELD,
}


@dataclass(frozen=True)
class PlaybackReport:
    """What the loudspeaker does; times in seconds, ``played`` within the turn's speech."""

    time: float
    turn_id: int
    epoch: int
    playing: bool
    paused: bool
    played: float
    queued: float


@dataclass(frozen=True)
class Command:
    """One Interruption to publish."""

    stage: Output
    reason: Reason
    turn_id: int
    epoch: int
    played: float
    heard_text: str
    confidence: float


@dataclass
class _Observed:
    """What was seen of the robot's voice since the last reset; times in seconds."""

    playback: Optional[PlaybackReport] = None
    model_speaks: bool = False
    turn_id: int = 0
    epoch: int = 0
    heard_since: float = -math.inf
    heard_until: float = -math.inf
    pauses_in_vain: int = 0
    last_in_vain: float = -math.inf


class BargeInController:
    """Drives the policy table; not thread safe, the clock is whatever the caller passes in."""

    def __init__(self, config: Optional[BargeInConfig] = None) -> None:
        self.config = config or BargeInConfig()
        self.policy = Policy()
        self.noise_floor = NoiseFloor()
        self.speaker_level = SpeakerLevel()
        self.bystander_level = SpeakerLevel()
        self.heard = HeardSpeech()
        self._evidence = SpeechEvidence(self.config)
        self._gate = EpochGate()
        self._last_cut: Optional[Command] = None
        self._last_cut_at = -math.inf
        self._seen = _Observed()

    @property
    def state(self) -> State:
        """Return the state of the robot's voice."""
        return self.policy.state

    @property
    def epoch(self) -> int:
        """Return the largest epoch seen."""
        return self._seen.epoch

    @property
    def hears_speech(self) -> bool:
        """Return whether an onset waits for what follows: time must pass by ``tick``."""
        return self._evidence.opened

    def configure(self, config: BargeInConfig) -> None:
        """Change the settings while running."""
        self.config = config
        self._evidence.config = config

    def user_speech(self, frame: SpeechFrame) -> list[Command]:
        """Take in one frame of the speech detector; frames with unusable numbers are ignored."""
        if not (math.isfinite(frame.probability) and math.isfinite(frame.time)):
            return []
        speech = frame.probability >= self.config.threshold
        if self.state is State.QUIET and math.isfinite(frame.level):
            self.noise_floor.learn(frame.time, frame.level, speech)
        if self.config.mode != OPEN:
            return []
        self._forget_patience(frame.time)
        event = self._evidence.update(frame, self._judge(frame), self._onset(frame.time))
        return self._speech_event(event, frame.time, frame.probability)

    def tick(self, time: float) -> list[Command]:
        """Let time pass; call it a few times a second in case the detector falls silent."""
        return self._speech_event(self._evidence.tick(time), time, math.nan)

    def playback(self, report: PlaybackReport) -> list[Command]:
        """Take in what the loudspeaker does."""
        if report.playing and not report.paused:
            if report.time - self._seen.heard_until >= GUARD_SILENCE:
                self._seen.heard_since = report.time
            self._seen.heard_until = report.time + ECHO_TAIL
            self.noise_floor.robot_is_heard(report.time)
        self._seen.playback = report
        return self._turn_changed(report.turn_id, report.epoch, report.time)

    def model(self, speaking: bool, turn_id: int, epoch: int, time: float) -> list[Command]:
        """Take in whether the model has a turn open."""
        if not self._gate.admits(epoch):
            return self._remind(time)
        self._seen.model_speaks = speaking
        return self._turn_changed(turn_id, epoch, time)

    def command(self, event: Input, time: float, confidence: float = math.nan) -> list[Command]:
        """Take in a stop phrase, a request, an emergency stop or a yield of the model."""
        if event is Input.TALK_PRESSED and self.config.mode != PUSH_TO_TALK:
            return []
        return self._apply(event, time, confidence)

    def cut_elsewhere(self, epoch: int, time: float) -> list[Command]:
        """Take in that another node voided an epoch, e.g. because the model yielded."""
        self._gate.void(epoch)
        self._seen.epoch = max(self._seen.epoch, epoch)
        self._seen.model_speaks = False
        return self._turn_changed(0, epoch, time)

    def reset(self) -> None:
        """Begin anew; the void epoch stays, since old speech must never play."""
        self.policy.reset()
        self.noise_floor.reset()
        self.speaker_level.reset()
        self.bystander_level.reset()
        self.heard.reset()
        self._evidence.reset()
        self._seen = _Observed(epoch=self._gate.voided)

    def _judge(self, frame: SpeechFrame) -> FrameVerdict:
        """Return what a frame is good for, by its level and the probability of speech."""
        config = self.config
        overlap = frame.time <= self._seen.heard_until
        holds = frame.probability >= config.overlap_threshold and not (
            frame.level < self._floor(frame.time, config.overlap_allowance)
        )
        loud = frame.probability >= config.threshold and not (
            frame.level < self._floor(frame.time, 0.0)
        )
        return FrameVerdict(counts=holds if overlap else loud, holds=holds or loud, loud=loud)

    def _floor(self, time: float, allowance: float) -> float:
        """Return the quietest level that belongs to a person near enough [dBFS].

        :param allowance: how much farther below the person answered last it may be [dB].
        """
        config = self.config
        speaker = self.speaker_level.at(time, config.speaker_memory)
        bystander = self.bystander_level.at(time, config.patience_memory)
        return max(
            config.minimum_level,
            self.noise_floor.level + config.noise_margin,
            speaker - config.speaker_margin - allowance,
            bystander + config.bystander_margin,
        )

    def _onset(self, time: float) -> float:
        """Return the evidence that an onset takes now [s]."""
        guarded = time - self._seen.heard_since < self.config.start_guard
        onset = self.config.guard_onset if guarded else self.config.onset
        return onset + self.config.patience * min(self._seen.pauses_in_vain, 3)

    def _forget_patience(self, time: float) -> None:
        if time - self._seen.last_in_vain > self.config.patience_memory:
            self._seen.pauses_in_vain = 0

    def _speech_event(
        self, event: Optional[Input], time: float, probability: float
    ) -> list[Command]:
        if event is None:
            return []
        if event is Input.FADED and self.state is State.PAUSED:
            self.bystander_level.learn(time, self._evidence.bystander)
            self._seen.pauses_in_vain += 1
            self._seen.last_in_vain = time
        if event is Input.SUSTAINED:
            self._seen.pauses_in_vain = 0
        return self._apply(event, time, probability)

    def _turn_changed(self, turn_id: int, epoch: int, time: float) -> list[Command]:
        """Open or close the turn in the table, whatever the last reports add up to."""
        self._seen.epoch = max(self._seen.epoch, epoch)
        report = self._seen.playback
        sounding = (
            report is not None
            and self._gate.admits(report.epoch)
            and (report.playing or report.queued > 0.0)
        )
        live = sounding or self._seen.model_speaks
        if not live:
            return self._apply(Input.TURN_CLOSED, time, math.nan)
        self._seen.turn_id = max(self._seen.turn_id, turn_id)
        if self.state in (State.QUIET, State.HALTED):
            self.speaker_level.learn(time, self.noise_floor.robot_answers())
            if self.state is State.QUIET:
                self._evidence.reset()
            return self._apply(Input.TURN_OPENED, time, math.nan)
        return []

    def _apply(self, event: Input, time: float, confidence: float) -> list[Command]:
        before = self.state
        outputs = self.policy.apply(event)
        reason = REASONS.get(event, Reason.USER_SPEECH)
        if before is State.HALTED:
            reason = Reason.EMERGENCY_STOP
        return [self._issue(output, reason, time, confidence) for output in outputs]

    def _issue(self, stage: Output, reason: Reason, time: float, confidence: float) -> Command:
        played = self._played(time)
        command = Command(
            stage=stage,
            reason=reason,
            turn_id=self._seen.turn_id,
            epoch=self._seen.epoch,
            played=played,
            heard_text=self.heard.text(self._seen.turn_id, played),
            confidence=confidence,
        )
        if stage is Output.CONFIRM:
            self._gate.void(self._seen.epoch)
            self._seen.model_speaks = False
            self._last_cut, self._last_cut_at = command, time
        return command

    def _remind(self, time: float) -> list[Command]:
        """Repeat the last cut for a model that missed it, e.g. because it was started again."""
        if self._last_cut is None or time - self._last_cut_at < REMIND_SECONDS:
            return []
        self._last_cut_at = time
        return [self._last_cut]

    def _played(self, time: float) -> float:
        """Return how much of the turn was heard until now [s]."""
        report = self._seen.playback
        if report is None or report.turn_id != self._seen.turn_id:
            return 0.0
        if not report.playing or report.paused:
            return report.played
        age = min(max(time - report.time, 0.0), REPORT_AGE_LIMIT)
        return report.played + min(age, report.queued)
