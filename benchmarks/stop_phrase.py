# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure hits and false alarms of the stop phrases on voices that training never heard.

python benchmarks/stop_phrase.py [--voices N] [--minutes N]
"""

from __future__ import annotations

import argparse
from collections import Counter
import json
from pathlib import Path
import time

import numpy as np

from benchmarks.barge_in_simulation.material import (
    ANSWERS,
    BROADCAST,
    CONVERSATION,
    INTERRUPTIONS,
)
from minicpmo_ros.sound_device.speech_detector import SpeechDetector
from minicpmo_ros.stop_phrase.spotter import StopPhraseSpotter
from minicpmo_ros.stop_phrase.voice_gate import VoiceGate
from training.nano import sound
from training.stop_phrase import phrase_data, phrase_voice
from training.stop_phrase.phrase_data import Sounds
from training.stop_phrase.phrase_text import LOOK_ALIKES, PHRASES
from training.stop_phrase.phrase_voice import VoiceSet

RATE = 16000
FRAME = 512
LONGEST_CLIP = 10  # [s], shorter than the noises
REPEATED = ('Stop, stop!', 'Stop, stop, stop!', 'Stop stop stop!')
RESULT = Path(__file__).parent / 'results' / 'stop_phrase.json'


class Listener:
    """Spotter, speech detector and gate of the bridge, on one stream."""

    def __init__(self) -> None:
        self._spotter, self._detector, self._voice = (
            StopPhraseSpotter(),
            SpeechDetector(),
            VoiceGate(),
        )
        self._samples = 0

    def hear(self, samples: np.ndarray) -> list[tuple[float, str]]:
        """Return (time in the stream [s], phrase) of everything found in float32 samples [n].

        Of the samples after the last whole frame of the detector nothing is heard.
        """
        audio = (np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
        found = []
        for begin in range(0, audio.size - FRAME + 1, FRAME):
            frame = audio[begin : begin + FRAME]
            probability = self._detector.process(self._samples, frame).probability
            self._samples += FRAME
            end = self._samples / RATE
            self._voice.update(probability, end)
            spotted = self._spotter.process(frame)
            if spotted and self._voice.admits(end):
                found.append((end, spotted.phrase))
        return found


def in_a_scene(random: np.random.Generator, clip: np.ndarray, noise_level: float) -> np.ndarray:
    """Return a clip that begins after a second in a room with noise, float32 [n]."""
    wet = sound.convolve(clip, sound.room_response(random))
    scene = np.zeros(3 * RATE + wet.size, np.float32)
    scene[RATE : RATE + wet.size] = wet
    noise = sound.SOUNDS[str(random.choice(['pink', 'fan', 'hum']))](random, scene.size)
    return scene + sound.scale_to_level(noise, noise_level)


def measure_hits(voices: int, noise_level: float) -> dict[str, dict]:
    """Return hits, confusions and delays by phrase."""
    random = np.random.default_rng(99)
    names = list(PHRASES)
    rows = {name: {'n': 0, 'hits': 0, 'other phrase': 0, 'delays': []} for name in names}
    for label, clip in phrase_voice.phrases(random, voices, VoiceSet.HELD_OUT):
        name = names[label - 1]
        found = Listener().hear(in_a_scene(random, clip, noise_level))
        row = rows[name]
        row['n'] += 1
        row['hits'] += bool(found)
        row['other phrase'] += bool(found) and found[0][1] != name
        if found:
            row['delays'].append(found[0][0] - 1.0 - clip.size / RATE)
    for row in rows.values():
        delays = row.pop('delays')
        row['p50 delay [s]'] = round(float(np.median(delays)), 3) if delays else None
    return rows


def measure_repeated(voices: int) -> dict[str, dict[str, int]]:
    """Return how many people are heard who say "stop" more than once."""
    random = np.random.default_rng(98)
    result = {}
    for text in REPEATED:
        clips = phrase_voice.look_alikes(random, voices, VoiceSet.HELD_OUT, {'en': (text,)})
        heard = [bool(Listener().hear(in_a_scene(random, clip, -40.0))) for clip in clips]
        result[text] = {'n': len(heard), 'hits': sum(heard)}
    return result


def measure_false_alarms(minutes: float, clips: list[np.ndarray]) -> dict[str, object]:
    """Return false alarms an hour in clips of held-out voices with music and noises."""
    random = np.random.default_rng(7)
    sounds = Sounds([], [], [], [], phrase_data.make_backgrounds(random, 45))
    listener, found, seconds = Listener(), Counter(), 0.0
    order: list[int] = []
    while seconds < minutes * 60.0:
        order = order or list(random.permutation(len(clips)))
        clip = phrase_data.in_a_room(random, clips[order.pop()])
        gap = np.zeros(int(random.uniform(0.2, 1.0) * RATE), np.float32)
        scene = np.concatenate([clip, gap])[: LONGEST_CLIP * RATE]
        scene += phrase_data.background(random, sounds, scene.size)
        seconds += scene.size / RATE
        found.update(phrase for _, phrase in listener.hear(scene))
    per_hour = sum(found.values()) / (seconds / 3600.0)
    return {'minutes': round(seconds / 60, 1), 'per hour': round(per_hour, 2), 'as': dict(found)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--voices', type=int, default=30)
    parser.add_argument('--minutes', type=float, default=60.0)
    options = parser.parse_args()
    result = {'date': time.strftime('%Y-%m-%d', time.gmtime())}
    for name, level in (('quiet room', -40.0), ('noise 10 dB below speech', -10.0)):
        result[name] = measure_hits(options.voices, level)
        print(name)
        for phrase, row in result[name].items():
            print(f'  {phrase:10s} {row}')
    result['said again and again, quiet room'] = measure_repeated(options.voices // 2)
    print(result['said again and again, quiet room'])
    random = np.random.default_rng(11)
    ordinary = {'en': ANSWERS + INTERRUPTIONS + CONVERSATION + BROADCAST}
    spoken = phrase_voice.look_alikes(random, 2, VoiceSet.HELD_OUT, ordinary)
    spoken += phrase_voice.running_speech(random, 60, VoiceSet.HELD_OUT)
    alike = phrase_voice.look_alikes(random, 1, VoiceSet.HELD_OUT, LOOK_ALIKES)
    for name, clips, minutes in (
        ('false alarms, running speech', spoken, options.minutes),
        ('false alarms, look-alikes only', alike, options.minutes / 4),
    ):
        result[name] = measure_false_alarms(minutes, clips)
        print(name, result[name])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + '\n')


if __name__ == '__main__':
    main()
