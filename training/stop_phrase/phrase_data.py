# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Windows for the stop phrase network: an utterance that is the phrase and nothing else, or not.

A phrase is a command when about 0.2 s of silence lie before it and 0.1 s after it. The same word
inside a sentence is none; that is what keeps running speech from stopping the robot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minicpmo_ros.stop_phrase.log_mel import HOP, SAMPLE_RATE, WINDOW
from minicpmo_ros.stop_phrase.network import FRAMES
from training.nano import sound
from training.stop_phrase import phrase_voice
from training.stop_phrase.phrase_text import SHORT_TALK, SHORT_TALK_DEVELOPMENT, talk
from training.stop_phrase.phrase_voice import VoiceSet

WINDOW_SAMPLES = (FRAMES - 1) * HOP + WINDOW
# Silence between the end of the phrase and the end of its window [s]: three looks fit in.
TRAIL = (0.08, 0.34)
# Silence between earlier speech and a phrase that still is a command [s], and that is none.
LEAD, JOINED = (0.22, 0.8), (0.0, 0.05)
BACKGROUND_SECONDS = 12.0


@dataclass(frozen=True)
class _Amount:
    """How much is synthesized: voices of a phrase, of a look-alike, of short talk; the rest."""

    phrases: int
    look_alikes: int
    near_misses: int
    short: int
    running: int
    backgrounds: int


_AMOUNTS = {
    VoiceSet.TRAINING: _Amount(150, 6, 500, 6, 900, 150),
    VoiceSet.DEVELOPMENT: _Amount(50, 3, 100, 4, 240, 60),
}
_SHORT = {VoiceSet.TRAINING: SHORT_TALK, VoiceSet.DEVELOPMENT: SHORT_TALK_DEVELOPMENT}


@dataclass
class Sounds:
    """Everything that windows are cut from; float32 at 16 kHz, phrases with their class.

    short: utterances of everyday talk that are as short as a phrase. running: one to three
    sentences each.
    """

    phrases: list[tuple[int, np.ndarray]]
    look_alikes: list[np.ndarray]
    short: list[np.ndarray]
    running: list[np.ndarray]
    backgrounds: list[np.ndarray]

    @staticmethod
    def make(random: np.random.Generator, voices: VoiceSet) -> Sounds:
        """Synthesize with the voices of training or of development."""
        amount = _AMOUNTS[voices]
        return Sounds(
            phrase_voice.phrases(random, amount.phrases, voices),
            phrase_voice.look_alikes(random, amount.look_alikes, voices)
            + phrase_voice.near_misses(random, amount.near_misses, voices),
            phrase_voice.look_alikes(random, amount.short, voices, _SHORT[voices]),
            phrase_voice.running_speech(random, amount.running, voices, talk),
            make_backgrounds(random, amount.backgrounds),
        )


def make_backgrounds(random: np.random.Generator, count: int) -> list[np.ndarray]:
    """Return noises of RMS 1, float32."""
    kinds = [name for name in sound.SOUNDS if name not in sound.HELD_OUT_CLASSES]
    size = int(BACKGROUND_SECONDS * SAMPLE_RATE)
    return [
        sound.SOUNDS[kinds[number % len(kinds)]](random, size).astype(np.float32)
        for number in range(count)
    ]


def varied(random: np.random.Generator, clip: np.ndarray) -> np.ndarray:
    """Return a clip by a somewhat larger or smaller speaker, through another microphone."""
    factor = float(np.exp(random.uniform(-0.16, 0.16)))
    clip = np.interp(np.arange(0.0, clip.size - 1, factor), np.arange(clip.size), clip)
    tilt = random.uniform(-0.5, 0.5)
    return (clip - tilt * np.concatenate([[0.0], clip[:-1]])).astype(np.float32)


def in_a_room(random: np.random.Generator, clip: np.ndarray) -> np.ndarray:
    """Return a clip with the echo and the level of some place in a room."""
    if random.random() < 0.6:
        clip = sound.convolve(clip, sound.room_response(random))
    return clip * np.float32(10 ** (random.uniform(-18.0, 8.0) / 20))


def background(random: np.random.Generator, sounds: Sounds, samples: int) -> np.ndarray:
    """Return noise far below speech, or about as loud now and then, float32 [samples]."""
    noise = sounds.backgrounds[random.integers(len(sounds.backgrounds))]
    begin = int(random.integers(noise.size - samples))
    return sound.scale_to_level(noise[begin : begin + samples], random.uniform(-50.0, -9.0))


def _place(window: np.ndarray, clip: np.ndarray, begin: int) -> None:
    """Add a clip that begins at a sample of the window, or before it."""
    piece = clip[max(-begin, 0) :][: max(window.size - max(begin, 0), 0)]
    window[max(begin, 0) : max(begin, 0) + piece.size] += piece


def _seconds(random: np.random.Generator, span: tuple[float, float]) -> int:
    return int(random.uniform(*span) * SAMPLE_RATE)


def _speech(random: np.random.Generator, sounds: Sounds) -> np.ndarray:
    clip = sounds.running[random.integers(len(sounds.running))]
    return clip * np.float32(10 ** (random.uniform(-4.0, 4.0) / 20))


def _utterance(
    random: np.random.Generator, dry: np.ndarray, end: int, before: np.ndarray, gap: int
) -> np.ndarray:
    """Return a window in which ``dry`` ends at a sample, ``gap`` samples after ``before``."""
    track = np.zeros(WINDOW_SAMPLES, np.float32)
    begin = end - dry.size
    _place(track, dry, begin)
    if before.size:
        _place(track, before, begin - gap - before.size)
    return in_a_room(random, track)[:WINDOW_SAMPLES]


NOTHING = np.zeros(0, np.float32)


def phrase_window(random: np.random.Generator, sounds: Sounds, clip: np.ndarray) -> np.ndarray:
    """Return a window in which a command has just ended, now and then after other speech."""
    end = WINDOW_SAMPLES - _seconds(random, TRAIL)
    before = _speech(random, sounds) if random.random() < 0.2 else NOTHING
    window = _utterance(random, varied(random, clip), end, before, _seconds(random, LEAD))
    return window + background(random, sounds, WINDOW_SAMPLES)


def embedded_window(random: np.random.Generator, sounds: Sounds, clip: np.ndarray) -> np.ndarray:
    """Return a window in which a phrase is part of a sentence, so that it is no command."""
    dry, gap = varied(random, clip), _seconds(random, JOINED)
    if random.random() < 0.5:  # something was said right before it
        end = WINDOW_SAMPLES - _seconds(random, TRAIL)
        window = _utterance(random, dry, end, _speech(random, sounds), gap)
    else:  # something follows
        after = _speech(random, sounds)
        joined = np.concatenate([dry, np.zeros(gap, np.float32), after])
        shown = dry.size + gap + _seconds(random, (0.08, 0.4))
        window = _utterance(random, joined[:shown], WINDOW_SAMPLES, NOTHING, 0)
    return window + background(random, sounds, WINDOW_SAMPLES)


def cut_phrase_window(random: np.random.Generator, sounds: Sounds, clip: np.ndarray) -> np.ndarray:
    """Return a window with only the first part of a phrase: too early to be sure."""
    dry = varied(random, clip)
    dry = dry[: int(dry.size * random.uniform(0.15, 0.7))]
    end = WINDOW_SAMPLES - (0 if random.random() < 0.7 else _seconds(random, TRAIL))
    window = _utterance(random, dry, end, NOTHING, 0)
    return window + background(random, sounds, WINDOW_SAMPLES)


def other_window(random: np.random.Generator, sounds: Sounds) -> np.ndarray:
    """Return a window somewhere in other speech, in noise, or in both."""
    window = background(random, sounds, WINDOW_SAMPLES)
    draw = random.random()
    if draw < 0.1:
        return window
    source = sounds.look_alikes if draw < 0.4 else sounds.short if draw < 0.65 else sounds.running
    dry = varied(random, source[random.integers(len(source))])
    if random.random() < 0.6:  # a whole word or the end of a sentence, as a command would lie
        end = WINDOW_SAMPLES - _seconds(random, TRAIL)
    else:
        end = int(random.integers(3200, WINDOW_SAMPLES + max(dry.size - 3200, 1)))
    return window + _utterance(random, dry, end, NOTHING, 0)


def draw_window(random: np.random.Generator, sounds: Sounds) -> tuple[np.ndarray, int]:
    """Return float32 [WINDOW_SAMPLES] and its class; 0 is "no command"."""
    label, clip = sounds.phrases[random.integers(len(sounds.phrases))]
    draw = random.random()
    if draw < 0.35:
        return phrase_window(random, sounds, clip), label
    if draw < 0.42:
        return cut_phrase_window(random, sounds, clip), 0
    if draw < 0.54:
        return embedded_window(random, sounds, clip), 0
    return other_window(random, sounds), 0
