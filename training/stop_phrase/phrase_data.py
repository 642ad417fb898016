# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sounds for the stop phrase network: phrases, look-alikes, sentences and noises."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from minicpmo_ros.stop_phrase.log_mel import HOP, SAMPLE_RATE, WINDOW
from minicpmo_ros.stop_phrase.network import FRAMES
from training.nano import sound
from training.nano.voice import Voice, draw_voice, synthesize_many

WINDOW_SAMPLES = (FRAMES - 1) * HOP + WINDOW

# phrase: languages and what the synthesizer is given. What sounds alike is one phrase.
PHRASES: dict[str, tuple[tuple[str, str], ...]] = {
    'stop': (('en', 'Stop!'), ('en', 'Stop!'), ('de', 'Stopp!')),
    'be quiet': (('en', 'Be quiet!'),),
    'sei still': (('de', 'Sei still!'),),
    'para': (('es', '¡Para!'),),
    'silencio': (('es', '¡Silencio!'),),
    'arrête': (('fr', 'Arrête !'),),
    'tais-toi': (('fr', 'Tais-toi !'),),
}
# Words that sound like a phrase, or hold one inside a sentence that is no command.
LOOK_ALIKES: dict[str, tuple[str, ...]] = {
    'en': (
        'Top.', 'Shop.', 'Step.', 'Stock.', 'Start.', 'Stomach.', 'Story.', 'Store.', 'Spot.',
        'Stuff.', 'Stand up.', 'Hot.', 'Shot.', 'It stopped raining.', 'The bus stop is near.',
        'I never stop thinking about it.', 'Be quick.', 'Be careful.', 'Quite a bit.', 'We quit.',
        'Beer.', 'It is a quiet place.', 'Paris.', 'Party.', 'Silent night.', 'Arrest.', 'Apple.',
        'Please go on.', 'Yes.', 'No.', 'Okay.', 'Right.', 'Thank you.', 'What is that?',
    ),
    'de': (
        'Topf.', 'Stoff.', 'Stock.', 'Knopf.', 'Sei so lieb.', 'Seit wann?', 'Stille Nacht.',
        'Spiel.', 'Das ist doch schön.', 'Ja, genau.', 'Ich komme gleich.', 'Die Haltestelle.',
    ),
    'es': (
        'Pera.', 'Cara.', 'Parada.', 'Para ti.', 'Para mañana.', 'Paraguas.', 'Es para mi madre.',
        'Servicio.', 'Silla.', 'Silbido.', 'Principio.', 'Sí, claro.', 'No lo sé.', 'Buenos días.',
    ),
    'fr': (
        'Arrivée.', 'Après.', 'La règle.', 'Une arête de poisson.', 'La fête.', 'Était-ce toi ?',
        'Le toit.', 'Très bien.', 'Et toi ?', 'Oui, merci.', 'Je ne sais pas.', 'Le roi.',
    ),
}  # fmt: skip
SENTENCES: dict[str, tuple[str, ...]] = {
    'en': (
        'The kitchen is on the left, behind the second door, and the cups are on the table.',
        'I will be home around seven, so do not wait for me with the dinner.',
        'Good evening and welcome to the news, here are the topics of the day.',
        'Could you tell me what the weather will be like tomorrow afternoon?',
        'Somebody put the parcel on the bench beside the entrance this morning.',
    ),
    'de': (
        'Die Küche ist links, hinter der zweiten Tür, und die Tassen stehen auf dem Tisch.',
        'Ich bin gegen sieben zu Hause, wartet nicht mit dem Essen auf mich.',
        'Kannst du mir sagen, wie das Wetter morgen Nachmittag wird?',
    ),
    'es': (
        'La cocina está a la izquierda, detrás de la segunda puerta.',
        'Llegaré a casa a las siete, no me esperéis con la cena.',
        '¿Puedes decirme qué tiempo hará mañana por la tarde?',
    ),
    'fr': (
        'La cuisine est à gauche, derrière la deuxième porte, et les tasses sont sur la table.',
        'Je serai à la maison vers sept heures, ne m’attendez pas pour dîner.',
        'Peux-tu me dire quel temps il fera demain après-midi ?',
    ),
}
_VARIANTS = (
    '', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm8', 'f1', 'f2', 'f3', 'f5', 'Alex', 'Alicia',
    'Andrea', 'Annie', 'antonio', 'aunty', 'belinda', 'benjamin', 'boris', 'caleb', 'david',
    'Denis', 'Gene', 'Henrique', 'Hugo', 'Jacky', 'Lee', 'linda', 'max', 'Michel', 'pablo',
    'pedro', 'quincy', 'rob', 'shelby', 'steph', 'travis', 'victor', 'grandma', 'grandpa',
)  # fmt: skip
_HELD_OUT = ('m7', 'f4', 'anika', 'robert', 'Marco', 'edward', 'steph2')


def draw(random: np.random.Generator, language: str, held_out: bool) -> Voice:
    """Return a voice of a language, from the training set or from the disjoint held-out set."""
    if language == 'en':
        return draw_voice(random, held_out)
    variant = str(random.choice(_HELD_OUT if held_out else _VARIANTS))
    name = f'{language}+{variant}' if variant else language
    rate = float(np.exp(random.uniform(np.log(0.85), np.log(1.25))))
    pitch, resampling = int(random.integers(25, 76)), float(np.exp(random.uniform(-0.13, 0.13)))
    return Voice('espeak', name, rate, pitch, resampling)


def phrases(
    random: np.random.Generator, voices: int, held_out: bool
) -> list[tuple[int, np.ndarray]]:
    """Return (class, float32 samples) of every phrase by so many voices."""
    jobs, labels = [], []
    for number, ways in enumerate(PHRASES.values()):
        for turn in range(voices * (2 if len(ways) > 1 and not held_out else 1)):
            language, text = ways[turn % len(ways)]
            jobs.append((draw(random, language, held_out), text))
            labels.append(number + 1)
    sounds = [clip.astype(np.float32) / 32768.0 for clip in synthesize_many(jobs)]
    return list(zip(labels, sounds, strict=True))


def others(
    random: np.random.Generator,
    voices: int,
    held_out: bool,
    sources: tuple[dict[str, tuple[str, ...]], ...] = (LOOK_ALIKES, SENTENCES),
) -> list[np.ndarray]:
    """Return speech that is no phrase, each text by so many voices, float32."""
    jobs = []
    for texts in sources:
        for language, lines in texts.items():
            for line in lines:
                jobs += [(draw(random, language, held_out), line) for _ in range(voices)]
    if not held_out:
        jobs += [(draw(random, 'en', False), line) for line in requests()]
    return [clip.astype(np.float32) / 32768.0 for clip in synthesize_many(jobs)]


def requests() -> list[str]:
    """Return what people say to the robot in the training texts of nano."""
    wording = json.loads((Path(__file__).parent.parent / 'nano' / 'wording.json').read_text())
    lines = sorted({line for entry in wording.values() for line in entry['training']})
    return [line for line in lines if 'stop' not in line.lower() and 'quiet' not in line.lower()]


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


def background(random: np.random.Generator, samples: int) -> np.ndarray:
    """Return noise far below speech, or about as loud now and then, float32 [samples]."""
    kind = str(random.choice(list(sound.SOUNDS)))
    level = random.uniform(-45.0, -8.0)
    return sound.scale_to_level(sound.SOUNDS[kind](random, samples), level)


def phrase_window(random: np.random.Generator, clip: np.ndarray) -> np.ndarray:
    """Return a window in which a phrase has just ended, with nothing said before it."""
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    end = WINDOW_SAMPLES - int(random.uniform(0.0, 0.3) * SAMPLE_RATE)
    clip = varied(random, clip)
    wet = in_a_room(random, clip)
    begin = max(end - clip.size, 0)
    piece = wet[max(clip.size - end, 0) :][: WINDOW_SAMPLES - begin]
    window[begin : begin + piece.size] = piece
    return window + background(random, WINDOW_SAMPLES)


def other_window(random: np.random.Generator, clips: list[np.ndarray]) -> np.ndarray:
    """Return a window somewhere in other speech, in noise, or in both."""
    window = background(random, WINDOW_SAMPLES)
    if random.random() < 0.15:
        return window
    wet = in_a_room(random, varied(random, clips[random.integers(len(clips))]))
    offset = int(random.integers(-WINDOW_SAMPLES + 3200, max(wet.size - 3200, 1)))
    begin = max(-offset, 0)
    piece = wet[max(offset, 0) :][: WINDOW_SAMPLES - begin]
    window[begin : begin + piece.size] += piece
    return window


def cut_phrase_window(random: np.random.Generator, clip: np.ndarray) -> np.ndarray:
    """Return a window with only the first part of a phrase: too early to be sure."""
    part = clip[: int(clip.size * random.uniform(0.15, 0.5))]
    return phrase_window(random, part)
