# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sounds made by code: noises, music, household sounds, room echo, loudspeaker distortion."""

from __future__ import annotations

from typing import Callable

import numpy as np

from training.nano.voice import NORMAL_RMS, SAMPLE_RATE

HELD_OUT_CLASSES = ('whir', 'drops')  # household sounds that training never hears


def colored_noise(rng: np.random.Generator, samples: int, exponent: float) -> np.ndarray:
    """Return float32 [samples] noise whose power falls with frequency ** exponent, RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    return _unit_rms(np.fft.irfft(spectrum * frequency ** (-exponent / 2), samples))


def band_noise(rng: np.random.Generator, samples: int, low: float, high: float) -> np.ndarray:
    """Return float32 [samples] noise between two frequencies [Hz], RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum *= (frequency > low) & (frequency < high)
    return _unit_rms(np.fft.irfft(spectrum, samples))


def hum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return the hum of a motor or transformer: harmonics of a slowly drifting tone."""
    time = np.arange(samples) / SAMPLE_RATE
    base = rng.uniform(45, 180) * (1 + 0.01 * np.sin(time * rng.uniform(0.2, 2)))
    phase = 2 * np.pi * np.cumsum(base) / SAMPLE_RATE
    tone = sum(
        rng.uniform(0.1, 1) / k * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, 9)
    )
    return _unit_rms(tone + 0.3 * colored_noise(rng, samples, 1.0))


def fan(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return broadband noise with a slow beat: fan, extractor hood, vacuum cleaner."""
    time = np.arange(samples) / SAMPLE_RATE
    beat = 1 + rng.uniform(0, 0.5) * np.sin(2 * np.pi * rng.uniform(1, 12) * time)
    return _unit_rms(colored_noise(rng, samples, rng.uniform(0.3, 1.8)) * beat)


def kettle(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return a hiss that grows and ends in bubbling."""
    growth = np.linspace(rng.uniform(0.1, 0.6), 1, samples)
    bubbles = np.repeat(rng.uniform(0.4, 1, samples // 400 + 1), 400)[:samples]
    return _unit_rms(band_noise(rng, samples, 600, rng.uniform(3000, 7000)) * growth * bubbles)


def clatter(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return dishes, cutlery, knocks: decaying resonances at random times."""
    return _events(rng, samples, rng.uniform(1, 6), lambda: _strike(rng, 300, 7000, 3, 60))


def footsteps(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return dull regular knocks."""
    sound = np.zeros(samples)
    period = rng.uniform(0.35, 0.8)
    for start in np.arange(rng.uniform(0, period), samples / SAMPLE_RATE, period):
        _add(sound, _strike(rng, 60, 500, 10, 40), int(start * SAMPLE_RATE))
    return _unit_rms(sound + 1e-4 * rng.standard_normal(samples))


def bell(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return a telephone, timer or doorbell: gated tones."""
    time = np.arange(samples) / SAMPLE_RATE
    gate = (time % rng.uniform(0.2, 2.5)) < rng.uniform(0.1, 1.0)
    first, second = rng.uniform(400, 2500, 2)
    warble = np.where((time * rng.uniform(4, 20)).astype(int) % 2, first, second)
    tone = np.sin(2 * np.pi * np.cumsum(warble) / SAMPLE_RATE)
    return _unit_rms(tone * gate + 1e-4 * rng.standard_normal(samples))


def music(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return chords, a melody and a beat in a random key and tempo."""
    sound = np.zeros(samples)
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    beat = 60 / rng.uniform(60, 150)
    partials = rng.uniform(0, 1, 6) / np.arange(1, 7)
    for index, start in enumerate(np.arange(0, samples / SAMPLE_RATE, beat)):
        degree = int(rng.integers(0, 7))
        notes = [scale[degree] + 12 * rng.integers(1, 3)]
        if index % 4 == 0:
            notes += [scale[(degree + step) % 7] for step in (0, 2, 4)]
        for note in notes:
            length = beat * (4 if len(notes) > 1 else 1)
            _add(sound, _note(root * 2 ** (note / 12), length, partials), int(start * SAMPLE_RATE))
        if rng.random() < 0.7:
            _add(sound, 0.7 * _strike(rng, 60, 4000, 20, 60), int(start * SAMPLE_RATE))
    return _unit_rms(sound)


def crackle(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return frying, fire, rustling paper: dense short clicks."""
    clicks = rng.standard_normal(samples) * (rng.random(samples) < rng.uniform(0.001, 0.02))
    return _unit_rms(clicks + 0.02 * colored_noise(rng, samples, 1.0))


def thump(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return a door slam, a fall or a dropped object."""
    return _events(rng, samples, rng.uniform(0.2, 0.8), lambda: _strike(rng, 40, 900, 4, 20))


def whir(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return a mixer or drill: a buzzing tone that starts and stops (held out)."""
    time = np.arange(samples) / SAMPLE_RATE
    speed = rng.uniform(100, 300) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.2, 1) * time))
    phase = np.cumsum(speed) / SAMPLE_RATE
    gate = (time % rng.uniform(1.5, 4)) < rng.uniform(0.7, 1.5)
    return _unit_rms((2 * (phase % 1) - 1) * gate + 0.1 * rng.standard_normal(samples))


def drops(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return a dripping tap: short rising chirps (held out)."""
    return _events(rng, samples, rng.uniform(0.5, 3), lambda: _chirp(rng))


SOUNDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    'hum': hum, 'fan': fan, 'kettle': kettle, 'clatter': clatter, 'footsteps': footsteps,
    'bell': bell, 'music': music, 'crackle': crackle, 'thump': thump, 'whir': whir,
    'drops': drops,
    'white': lambda rng, n: colored_noise(rng, n, 0.0),
    'pink': lambda rng, n: colored_noise(rng, n, 1.0),
    'brown': lambda rng, n: colored_noise(rng, n, 2.0),
    'band': lambda rng, n: band_noise(rng, n, rng.uniform(50, 1500), rng.uniform(2000, 8000)),
}  # fmt: skip


def room_response(rng: np.random.Generator) -> np.ndarray:
    """Return float32 [n]: direct sound, a few reflections and an exponential tail, energy 1."""
    decay = rng.uniform(0.08, 0.5)  # seconds until -60 dB
    samples = int(decay * SAMPLE_RATE)
    tail = rng.standard_normal(samples) * 10 ** (-3 * np.arange(samples) / samples)
    tail *= rng.random(samples) < 0.3
    direct_to_tail = 10 ** (rng.uniform(-2, 12) / 20)
    tail *= 1 / (direct_to_tail * max(np.sqrt((tail**2).sum()), 1e-9))
    tail[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0
    tail[0] = 1.0
    return _unit_energy(tail)


def convolve(sound: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return the sound in the room, as long as the sound plus the response."""
    length = len(sound) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:length].astype(np.float32)


def residual_echo(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """Return what echo cancellation leaves of the own voice: band limited, clipped, patchy."""
    samples = len(sound)
    size = 1 << max(0, samples - 1).bit_length()
    spectrum = np.fft.rfft(sound, size)
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    low, high = rng.uniform(50, 600), rng.uniform(1500, 7500)
    sound = np.fft.irfft(spectrum * ((frequency > low) & (frequency < high)), size)[:samples]
    peak = max(np.abs(sound).max(initial=0.0), 1e-6)
    sound = np.tanh(sound / peak * rng.uniform(0.5, 4)) * peak
    blocks = rng.uniform(rng.uniform(0, 1), 1, len(sound) // 1600 + 2)
    return (
        sound * np.interp(np.arange(len(sound)) / 1600, np.arange(len(blocks)), blocks)
    ).astype(np.float32)


def scale_to_level(sound: np.ndarray, level: float) -> np.ndarray:
    """Return the RMS-1 sound at ``level`` dB relative to normal speech."""
    return (sound * NORMAL_RMS * 10 ** (level / 20)).astype(np.float32)


def _unit_rms(sound: np.ndarray) -> np.ndarray:
    return (sound / max(np.sqrt(np.mean(sound**2)), 1e-9)).astype(np.float32)


def _unit_energy(response: np.ndarray) -> np.ndarray:
    return (response / np.sqrt((response**2).sum())).astype(np.float32)


def _add(sound: np.ndarray, piece: np.ndarray, start: int) -> None:
    end = min(len(sound), start + len(piece))
    if end > start:
        sound[start:end] += piece[: end - start]


def _events(
    rng: np.random.Generator, samples: int, rate: float, make: Callable[[], np.ndarray]
) -> np.ndarray:
    sound = 1e-4 * rng.standard_normal(samples)
    for _ in range(max(1, rng.poisson(rate * samples / SAMPLE_RATE))):
        _add(sound, make() * rng.uniform(0.2, 1), int(rng.integers(0, max(1, samples - 800))))
    return _unit_rms(sound)


def _strike(
    rng: np.random.Generator, low: float, high: float, slow: float, fast: float
) -> np.ndarray:
    time = np.arange(int(0.5 * SAMPLE_RATE)) / SAMPLE_RATE
    sound = rng.standard_normal(len(time)) * np.exp(-time * 80) * 0.5
    for _ in range(4):
        frequency = np.exp(rng.uniform(np.log(low), np.log(high)))
        sound += np.sin(2 * np.pi * frequency * time) * np.exp(-time * rng.uniform(slow, fast))
    return sound


def _note(frequency: float, seconds: float, partials: np.ndarray) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    waves = np.sin(2 * np.pi * frequency * np.outer(np.arange(1, 7), time))
    return (partials @ waves) * np.exp(-time * 2) * np.minimum(1, time * 50)


def _chirp(rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.06 * SAMPLE_RATE)) / SAMPLE_RATE
    phase = rng.uniform(800, 2500) * time + rng.uniform(4000, 15000) * time**2
    return np.sin(2 * np.pi * phase) * np.exp(-time * 60)
