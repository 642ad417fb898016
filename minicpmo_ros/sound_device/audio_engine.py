# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything between sound card and topics: one block in, one block out, nothing of ROS."""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Optional

import numpy as np

from minicpmo_ros.audio.resampler import Resampler
from minicpmo_ros.sound_device.echo_canceller import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    EchoCancellation,
    EchoCanceller,
    make_echo_canceller,
)
from minicpmo_ros.sound_device.echo_track import EchoTrack
from minicpmo_ros.sound_device.playback_queue import PlaybackQueue
from minicpmo_ros.sound_device.sample_ring import SampleRing
from minicpmo_ros.sound_device.speech_detector import (
    FRAME_SAMPLES as DETECTOR_SAMPLES,
)
from minicpmo_ros.sound_device.speech_detector import (
    SILENCE_LEVEL,
    Detection,
    SpeechDetector,
    level_dbfs,
)

BLOCK_SAMPLES = 320


@dataclass(frozen=True)
class AudioConfig:
    """Settings of the engine.

    sample_rate: of the device [Hz].
    volume: factor on the loudspeaker's signal, 0 .. 4.
    echo_cancellation: who removes the robot's voice from the microphone.
    speech_threshold: probability that makes speech active.
    speech_hold: silence that ends it [s].
    ring_seconds: how much of the raw microphone is kept.
    """

    sample_rate: int = 16000
    volume: float = 1.0
    echo_cancellation: EchoCancellation = EchoCancellation.SOFTWARE
    noise_suppression: bool = False
    speech_threshold: float = 0.5
    speech_hold: float = 0.25
    ring_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not 8000 <= self.sample_rate <= 192000:
            raise ValueError(f'sample_rate must be 8000..192000 Hz, got {self.sample_rate!r}')
        if not 0.0 <= self.volume <= 4.0:
            raise ValueError(f'volume must be 0..4, got {self.volume!r}')


@dataclass(frozen=True)
class AudioFrame:
    """32 ms of cleaned microphone with what the detector says about it.

    begin: number of the first sample since the start, at 16 kHz.
    samples, raw: int16 [512] at 16 kHz, after and before echo cancellation.
    """

    begin: int
    samples: np.ndarray
    raw: np.ndarray
    detection: Detection


@dataclass(frozen=True)
class AudioBlock:
    """20 ms of cleaned microphone; a unit of a second ends with a block, so nobody waits for it.

    begin: number of the first sample since the start, at 16 kHz.
    samples: int16 [320] at 16 kHz.
    """

    begin: int
    samples: np.ndarray


class AudioEngine:
    """Microphone and loudspeaker on one sample counter.

    ``process`` serves real devices and simulators alike. ``render`` alone is cheap enough for
    an audio callback, so that ``analyse`` may follow in another thread, block by block in order.

    keep_blocks: collect what ``take_blocks`` returns; whoever switches it on has to call that.
    """

    def __init__(
        self,
        config: Optional[AudioConfig] = None,
        canceller: Optional[EchoCanceller] = None,
        detector: Optional[SpeechDetector] = None,
    ) -> None:
        self.config = config or AudioConfig()
        self.volume = self.config.volume
        self.playback = PlaybackQueue(self.config.sample_rate)
        self.microphone_ring = SampleRing(int(self.config.ring_seconds * SAMPLE_RATE), np.int16)
        self.unusable_samples = 0
        self.keep_blocks = False
        self._canceller = canceller or make_echo_canceller(
            self.config.echo_cancellation, self.config.noise_suppression
        )
        self._detector = detector or _make_detector(self.config)
        self._samples = 0
        self._blocks_begin = 0
        self._clear()

    def _clear(self) -> None:
        rate = self.playback.sample_rate
        self._to_microphone = Resampler(rate, SAMPLE_RATE)
        self._to_reference = Resampler(rate, SAMPLE_RATE)
        self._microphone = np.zeros(0, np.int16)
        self._reference = np.zeros(0, np.int16)
        self._clean = np.zeros(0, np.int16)
        self._echo = EchoTrack()
        self._outgoing = np.zeros(0, np.int16)
        self._blocks_begin = self._samples
        self.rendered_level = SILENCE_LEVEL

    def restart(self, sample_rate: int) -> None:
        """Go on with a newly opened device; the sample counter goes on as well."""
        self.microphone_ring.drop_to(self._samples)
        self.playback.restart(sample_rate)
        self._canceller.reset()
        self._detector.reset()
        self._clear()

    def process(self, microphone: np.ndarray) -> tuple[np.ndarray, list[AudioFrame]]:
        """Take a block of the microphone and return the loudspeaker's block of the same time.

        :param microphone: float32 [n] at the device's rate.
        :return: float32 [n] for the loudspeaker, and the frames of 32 ms that became complete.
        """
        rendered = self.render(microphone.size)
        return rendered, self.analyse(microphone, rendered)

    def render(self, count: int) -> np.ndarray:
        """Return the loudspeaker's next block, float32 [count], after the volume control."""
        block = np.clip(self.playback.render(count) * np.float32(self.volume), -1.0, 1.0)
        self.rendered_level = level_dbfs(block)
        return block

    def analyse(self, microphone: np.ndarray, rendered: np.ndarray) -> list[AudioFrame]:
        """Cancel the echo of one block and return the frames that became complete.

        :param microphone: float32 [n] at the device's rate; unusable samples become silence.
        :param rendered: float32 [n], what ``render`` returned for the same time.
        """
        self.playback.refill()
        microphone = self._usable(microphone)
        self._microphone = np.concatenate(
            [self._microphone, _to_int16(self._to_microphone.process(microphone))]
        )
        self._reference = np.concatenate(
            [self._reference, _to_int16(self._to_reference.process(rendered))]
        )
        frames = min(self._microphone.size, self._reference.size) // FRAME_SAMPLES
        for number in range(frames):
            span = slice(number * FRAME_SAMPLES, (number + 1) * FRAME_SAMPLES)
            raw = self._microphone[span]
            self.microphone_ring.append(raw)
            clean = self._canceller.process(self._reference[span], raw)
            self._clean = np.concatenate([self._clean, clean])
            self._echo.append(self._reference[span], self._canceller.linear)
            if self.keep_blocks:
                self._outgoing = np.concatenate([self._outgoing, clean])
        self._microphone = self._microphone[frames * FRAME_SAMPLES :]
        self._reference = self._reference[frames * FRAME_SAMPLES :]
        return self._detect()

    def take_blocks(self) -> list[AudioBlock]:
        """Return the cleaned blocks of 20 ms that became complete since the last call."""
        blocks = []
        while self._outgoing.size >= BLOCK_SAMPLES:
            samples, self._outgoing = np.split(self._outgoing, [BLOCK_SAMPLES])
            blocks.append(AudioBlock(self._blocks_begin, samples))
            self._blocks_begin += BLOCK_SAMPLES
        return blocks

    def _detect(self) -> list[AudioFrame]:
        result = []
        while self._clean.size >= DETECTOR_SAMPLES:
            samples, self._clean = self._clean[:DETECTOR_SAMPLES], self._clean[DETECTOR_SAMPLES:]
            begin, self._samples = self._samples, self._samples + DETECTOR_SAMPLES
            raw = self.microphone_ring.read(begin, begin + DETECTOR_SAMPLES)
            detection = self._detector.process(begin, samples, self._echo.take(raw))
            result.append(AudioFrame(begin, samples, raw, detection))
        return result

    def _usable(self, microphone: np.ndarray) -> np.ndarray:
        """Return the block with NaN and infinity replaced by silence."""
        good = np.isfinite(microphone)
        if good.all():
            return microphone
        self.unusable_samples += int(microphone.size - np.count_nonzero(good))
        return np.where(good, microphone, np.float32(0.0))

    @property
    def next_sample(self) -> int:
        """Return the number, at 16 kHz, of the first sample of the next block."""
        return self._samples + self._clean.size + self._microphone.size

    @property
    def echo_filter_restarts(self) -> int:
        """Return how often the way from loudspeaker to microphone had to be learned anew."""
        return self._canceller.restarts

    def set_delay(self, seconds: float) -> None:
        """Tell the canceller how long a rendered sample takes to come back [s]."""
        if math.isfinite(seconds):
            self._canceller.set_delay(seconds)


def _make_detector(config: AudioConfig) -> SpeechDetector:
    """Return the detector that fits the canceller."""
    if config.echo_cancellation is EchoCancellation.SOFTWARE:
        return SpeechDetector.beside_echo(config.speech_threshold, config.speech_hold)
    return SpeechDetector(config.speech_threshold, config.speech_hold)


def _to_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
