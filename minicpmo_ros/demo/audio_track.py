# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rebuild what both sides could be heard saying, as two tracks on one clock."""

from __future__ import annotations

from pathlib import Path
import wave

import numpy as np
import soxr

from minicpmo_ros.demo.observation import MICROPHONE_RATE, Observation, PlaybackSeen, SpeechSeen

TRACK_RATE = 24000


def microphone_track(observation: Observation) -> np.ndarray:
    """Return what the microphone heard, float32 [n] at TRACK_RATE, silence where units lack."""
    track = np.zeros(round(observation.seconds * MICROPHONE_RATE) + MICROPHONE_RATE, np.float32)
    for begin, samples in observation.microphone:
        _add(track, round(begin * MICROPHONE_RATE), samples.astype(np.float32) / 32768.0)
    return _fit(soxr.resample(track, MICROPHONE_RATE, TRACK_RATE), observation)


def robot_track(observation: Observation) -> np.ndarray:
    """Return what the loudspeaker played, float32 [n] at TRACK_RATE.

    Each stretch of playback without a pause is placed as a whole: the reports of the loudspeaker
    say how much of a turn had been played at which time, and their median takes out the jitter.
    """
    track = np.zeros(round(observation.seconds * TRACK_RATE), np.float32)
    for turn_id in {piece.turn_id for piece in observation.speech}:
        pieces = [piece for piece in observation.speech if piece.turn_id == turn_id]
        speech = turn_samples(pieces)
        reports = [report for report in observation.playback if report.turn_id == turn_id]
        for begin, first, last in playback_stretches(reports):
            samples = speech[round(first * TRACK_RATE) : round(last * TRACK_RATE)]
            _add(track, round(begin * TRACK_RATE), samples)
    return track


def turn_samples(pieces: list[SpeechSeen]) -> np.ndarray:
    """Return the speech of one turn as published, float32 [n] at TRACK_RATE."""
    parts = [_resample(piece) for piece in pieces]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def playback_stretches(reports: list[PlaybackSeen]) -> list[tuple[float, float, float]]:
    """Return (time, first second, last second of the turn) of every stretch without a pause."""
    stretches: list[list[PlaybackSeen]] = []
    previous = None
    for report in reports:
        advanced = previous is None or report.played > previous.played
        if previous is not None and advanced and (previous.paused or not previous.playing):
            stretches.append([])
        if advanced and report.played > 0.0:
            if not stretches:
                stretches.append([])
            stretches[-1].append(report)
        previous = report
    result = []
    position = 0.0
    for stretch in filter(None, stretches):
        zero = float(np.median([report.time - report.played for report in stretch]))
        result.append((zero + position, position, stretch[-1].played))
        position = stretch[-1].played
    return result


def write_wave(path: Path, *tracks: np.ndarray) -> None:
    """Write float32 tracks of equal length as the channels of a 16-bit WAV file."""
    channels = np.stack([np.clip(np.rint(t * 32767.0), -32768, 32767) for t in tracks], axis=1)
    with wave.open(str(path), 'wb') as file:
        file.setnchannels(len(tracks))
        file.setsampwidth(2)
        file.setframerate(TRACK_RATE)
        file.writeframes(channels.astype('<i2').tobytes())


def _resample(piece: SpeechSeen) -> np.ndarray:
    samples = piece.samples.astype(np.float32) / 32768.0
    if piece.rate == TRACK_RATE or len(samples) == 0:
        return samples
    return soxr.resample(samples, piece.rate, TRACK_RATE)


def _add(track: np.ndarray, begin: int, samples: np.ndarray) -> None:
    skipped = max(0, -begin)
    begin = max(0, begin)
    part = samples[skipped : skipped + max(0, len(track) - begin)]
    track[begin : begin + len(part)] += part


def _fit(track: np.ndarray, observation: Observation) -> np.ndarray:
    length = round(observation.seconds * TRACK_RATE)
    return np.pad(track, (0, max(0, length - len(track))))[:length].astype(np.float32)
