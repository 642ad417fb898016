# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Random five-second windows of a noisy room with transcripts, to train the audio encoder.

A window is one life of the encoder's cache: ``UNITS`` seconds whose frames see each other as in
the stream. Speech may begin before a window or go on after it; then only the words inside count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import itertools
from pathlib import Path

import numpy as np
import torch

from training.nano.phone import PHONES, SILENCE
from training.nano.request import INTENTS, wordings
from training.nano.sound import (
    HELD_OUT_CLASSES,
    SOUNDS,
    convolve,
    residual_echo,
    room_response,
    scale_to_level,
)
from training.nano.utterance import Utterance, UtterancePool
from training.nano.voice import SAMPLE_RATE
from training.nano.word_corpus import plain

UNITS = 5
MEL_FRAMES = UNITS * 100 + 4  # two frames of context on both sides
SAMPLES = (MEL_FRAMES - 1) * 160 + 400
_CONTEXT = 520  # samples before the first unit
_INTENT_OF = {text: name for name, text in wordings(held_out=False)}
FRAMES = 50  # of the encoder in a second
_PHONE = {name: index for index, name in enumerate(PHONES)}


@dataclass
class Window:
    """Sound of one window and what is said in it.

    audio: float32 [SAMPLES]; words: what the foreground speakers say, in order;
    spans: begin and end of every word [s], as if all letters took equal time;
    phones: int64 [UNITS * FRAMES], index into ``PHONES`` of the sound in the middle of each frame;
    active: bool [UNITS * 10], a foreground speaker talks in this tenth of a second;
    utterances: (sentence key, kind, first tenth, last tenth) of those wholly inside.
    """

    audio: np.ndarray
    words: list[str] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    phones: np.ndarray = field(
        default_factory=lambda: np.full(UNITS * FRAMES, _PHONE[SILENCE], dtype=np.int64)
    )
    active: np.ndarray = field(default_factory=lambda: np.zeros(UNITS * 10, dtype=bool))
    utterances: list[tuple[str, str, int, int]] = field(default_factory=list)


class SoundBank:
    """Minutes of every kind of noise, made once, cut at random."""

    def __init__(self, seed: int, seconds: float, held_out: bool = False) -> None:
        rng = np.random.default_rng(seed)
        names = [name for name in SOUNDS if (name in HELD_OUT_CLASSES) <= held_out]
        pieces = max(1, round(seconds / 10))
        self._sounds = {
            name: np.concatenate([SOUNDS[name](rng, 10 * SAMPLE_RATE) for _ in range(pieces)])
            for name in names
        }
        self.names = tuple(names)

    def cut(self, rng: np.random.Generator, name: str, samples: int) -> np.ndarray:
        """Return float32 [samples] of one kind, RMS about 1."""
        sound = self._sounds[name]
        start = int(rng.integers(0, max(1, len(sound) - samples)))
        piece = sound[start : start + samples]
        return np.resize(piece, samples) if len(piece) < samples else piece.copy()


def draw_window(
    rng: np.random.Generator, pool: UtterancePool, bank: SoundBank, difficulty: float = 1.0
) -> Window:
    """Return a random mixture of speech, other voices, echo and noise.

    difficulty: share of the windows that are disturbed at all.
    """
    hard = rng.random() < difficulty
    window = Window(np.zeros(SAMPLES, dtype=np.float32))
    clock = float(rng.uniform(-1.0, 2.0))
    while clock < UNITS - 0.3 and rng.random() < 0.9:
        utterance = pool.utterances[int(rng.integers(0, len(pool.utterances)))]
        _say(rng, window, pool, utterance.index, clock, hard)
        clock += 1.1 * utterance.seconds + float(rng.exponential(0.5)) + 0.15
    _disturb(rng, window, pool, bank, hard)
    return window


def window_of(
    rng: np.random.Generator,
    pool: UtterancePool,
    bank: SoundBank,
    utterance: Utterance,
    difficulty: float,
) -> Window:
    """Return a window in which one sentence is said, disturbed with that probability."""
    hard = rng.random() < difficulty
    window = Window(np.zeros(SAMPLES, dtype=np.float32))
    longest = max(0.1, UNITS - 1.25 * utterance.seconds)
    _say(rng, window, pool, utterance.index, float(rng.uniform(0, longest)), hard)
    _disturb(rng, window, pool, bank, hard)
    return window


def _disturb(
    rng: np.random.Generator, window: Window, pool: UtterancePool, bank: SoundBank, hard: bool
) -> None:
    """Add what else is heard, little of it if the window is not a hard one."""
    if hard:
        _add_background(rng, window.audio, pool, bank)
    else:
        window.audio += scale_to_level(rng.standard_normal(SAMPLES), rng.uniform(-60, -40))
    if hard and rng.random() < 0.3:
        window.audio = _tilt(rng, window.audio)


def _say(
    rng: np.random.Generator,
    window: Window,
    pool: UtterancePool,
    index: int,
    start: float,
    hard: bool,
) -> None:
    utterance = pool.utterances[index]
    sound, seconds = _other_speaker(rng, pool.audio(index).astype(np.float32) / 32768)
    if hard and rng.random() < 0.6:
        sound = convolve(sound, room_response(rng))
    level = rng.uniform(-10, 5) if hard else rng.uniform(-6, 5)
    mix(window.audio, sound * 10 ** (level / 20), _CONTEXT + int(start * SAMPLE_RATE))
    _add_words(window, utterance.spoken, seconds, start)
    _add_phones(window, utterance.phones, seconds / utterance.seconds, start)
    first, last = int(np.floor(start * 10)), int(np.ceil((start + seconds) * 10))
    window.active[max(0, first) : max(0, last)] = True
    if start > -0.05 and last <= UNITS * 10:
        window.utterances.append((utterance.text, utterance.kind, max(0, first), last))


def _other_speaker(rng: np.random.Generator, sound: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the sound played faster or slower, which moves pitch and formants, and its length."""
    if rng.random() < 0.8:
        factor = float(np.exp(rng.uniform(-0.18, 0.18)))
        places = np.arange(0, len(sound) - 1, factor)
        sound = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    return sound, len(sound) / SAMPLE_RATE


def _add_words(window: Window, spoken: str, seconds: float, start: float) -> None:
    """Add the words that lie inside the window."""
    words = plain(spoken).split()
    lengths = np.array([len(word) + 1 for word in words], dtype=float)
    ends = start + seconds * np.cumsum(lengths) / max(lengths.sum(), 1)
    for word, begin, end in zip(words, [start, *ends[:-1]], ends, strict=True):
        tolerance = 0.25 * (end - begin)
        if begin + tolerance >= 0 and end - tolerance <= UNITS:
            window.words.append(word)
            window.spans.append((begin, end))


def _add_phones(
    window: Window, phones: tuple[tuple[str, float], ...], stretch: float, start: float
) -> None:
    """Write the sounds of a reading that lasts ``stretch`` times as long over the frames."""
    ends = [start + stretch * end for _, end in phones]
    for (name, _), begin, end in zip(phones, [start, *ends[:-1]], ends, strict=True):
        first, last = (max(0, round(time * FRAMES)) for time in (begin, end))
        window.phones[first:last] = _PHONE[name]


def _add_background(
    rng: np.random.Generator, audio: np.ndarray, pool: UtterancePool, bank: SoundBank
) -> None:
    if rng.random() < 0.92:
        audio += scale_to_level(rng.standard_normal(len(audio)), rng.uniform(-60, -30))
    for _ in range(int(rng.choice(3, p=[0.25, 0.5, 0.25]))):
        name = str(rng.choice(bank.names))
        length = int(rng.uniform(0.5, UNITS + 0.1) * SAMPLE_RATE)
        sound = scale_to_level(bank.cut(rng, name, length), rng.uniform(-35, -9))
        mix(audio, fade(sound), int(rng.uniform(-0.2, UNITS - 0.5) * SAMPLE_RATE))
    if rng.random() < 0.2:  # a television or people next door
        _add_other(rng, audio, pool, rng.uniform(-30, -18), distorted=False)
    if rng.random() < 0.25:  # what echo cancellation leaves of the own voice
        _add_other(rng, audio, pool, rng.uniform(-36, -17), distorted=True)


def _add_other(
    rng: np.random.Generator,
    audio: np.ndarray,
    pool: UtterancePool,
    level: float,
    distorted: bool,
) -> None:
    index = int(rng.integers(0, len(pool.utterances)))
    sound = pool.audio(index).astype(np.float32) / 32768
    sound = residual_echo(rng, sound) if distorted else convolve(sound, room_response(rng))
    mix(audio, sound * 10 ** (level / 20), int(rng.uniform(-0.5, UNITS - 1) * SAMPLE_RATE))


def mix(audio: np.ndarray, sound: np.ndarray, start: int) -> None:
    """Add the sound to the audio in place; what lies outside is dropped."""
    first, last = max(0, start), min(len(audio), start + len(sound))
    if last > first:
        audio[first:last] += sound[first - start : last - start]


def fade(sound: np.ndarray, seconds: float = 0.02) -> np.ndarray:
    """Return the sound with short linear ramps at both ends."""
    ramp = np.minimum(1.0, np.arange(len(sound)) / (seconds * SAMPLE_RATE)).astype(np.float32)
    return sound * ramp * ramp[::-1]


def _tilt(rng: np.random.Generator, audio: np.ndarray) -> np.ndarray:
    """Return the audio as a microphone with another frequency response hears it."""
    size = 1 << (len(audio) - 1).bit_length()  # other lengths take five times as long
    spectrum = np.fft.rfft(audio, size)
    knots = rng.uniform(-6, 6, 6)
    gain = np.interp(np.linspace(0, 5, len(spectrum)), np.arange(6), knots)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), size)[: len(audio)].astype(np.float32)


MEANINGS = len(INTENTS) + 2


def meaning_class(intent: str, kind: str) -> int:
    """Return the class of a sentence: its intent, then other talk, then backchannels."""
    if kind == 'request':
        return list(INTENTS).index(intent)
    return len(INTENTS) + (kind == 'backchannel')


class WindowDataset(torch.utils.data.IterableDataset):
    """Endless stream of windows; every worker has its own random generator."""

    def __init__(
        self,
        folder: Path,
        vocabulary: dict[str, int],
        seed: int,
        ramp: tuple[int, int],
        noise_seconds: float,
    ) -> None:
        """Ramp the difficulty between two window numbers (negative ones are past already).

        noise_seconds: how much of every kind of noise is made beforehand.
        """
        self._folder, self._vocabulary, self._seed = folder, vocabulary, seed
        self._ramp, self._noise_seconds = ramp, noise_seconds

    def __iter__(self):
        """Yield (audio [SAMPLES], phone per frame, active [50], word per tenth, meanings)."""
        info = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        seed = self._seed + (0 if info is None else 1000 * info.id)
        rng = np.random.default_rng(seed)
        pool, bank = UtterancePool(self._folder), SoundBank(seed, self._noise_seconds)
        for count in itertools.count():
            difficulty = float(np.interp(count, self._ramp, (0.15, 0.75)))
            window = draw_window(rng, pool, bank, difficulty)
            words = [self._vocabulary.get(word, 0) for word in window.words]
            aligned = np.zeros(UNITS * 10, dtype=np.int64)
            for word, (begin, end) in zip(words, window.spans, strict=True):
                aligned[max(0, round(begin * 10)) : max(0, round(end * 10))] = word
            meanings = [
                (first, last, meaning_class(_INTENT_OF.get(text, ''), kind))
                for text, kind, first, last in window.utterances
            ]
            yield window.audio, window.phones, window.active, aligned, meanings


def collate(items: list[tuple]) -> dict[str, torch.Tensor]:
    """Return one batch; 'meanings' int64 [n, 4] has the window in front of each entry."""
    audio, phones, active, aligned = (
        torch.from_numpy(np.stack([item[part] for item in items])) for part in range(4)
    )
    meanings = [(row, *entry) for row, item in enumerate(items) for entry in item[4]]
    return {
        'audio': audio,
        'phones': phones,
        'active': active,
        'aligned': aligned,
        'meanings': torch.tensor(meanings, dtype=torch.int64).reshape(-1, 4),
    }
