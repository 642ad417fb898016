# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What training and thresholds see of running speech is what the robot sees."""

import numpy as np
import pytest

from minicpmo_ros.sound_device.speech_detector import FRAME_SAMPLES, SpeechDetector
from minicpmo_ros.stop_phrase.network import FRAMES, StopPhraseNetwork
from minicpmo_ros.stop_phrase.spotter import StopPhraseSpotter
from minicpmo_ros.stop_phrase.voice_gate import VoiceGate
from training.nano.voice import Voice, synthesize_many
from training.stop_phrase.calibration import alarms
from training.stop_phrase.hard_negatives import hard_windows
from training.stop_phrase.phrase_data import Sounds
from training.stop_phrase.phrase_text import SHORT_TALK, SHORT_TALK_DEVELOPMENT
from training.stop_phrase.phrase_voice import VoiceSet, draw
from training.stop_phrase.stream import PAUSES, Looks, running_stream

RATE = 16000


@pytest.fixture(scope='module')
def speech():
    """Return a sentence, "stop" twice and another sentence, with silence between them."""
    texts = ('I will be home around seven.', 'Stop!', 'Stop!', 'It rained the whole day.')
    voice = Voice('espeak', 'en+m7')
    clips = synthesize_many([(voice, text) for text in texts])
    parts = [np.zeros(2 * RATE, np.float32)]
    for clip in clips:
        parts += [clip.astype(np.float32) / 32768.0, np.zeros(2 * RATE, np.float32)]
    return np.concatenate(parts)


def test_looks_agree_where_the_robot_hears_a_phrase(speech):
    network = StopPhraseNetwork.load()
    spotter, detector, gate = StopPhraseSpotter(['stop']), SpeechDetector(), VoiceGate()
    audio, heard = (speech * 32767).astype(np.int16), []
    for begin in range(0, audio.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        frame, end = audio[begin : begin + FRAME_SAMPLES], (begin + FRAME_SAMPLES) / RATE
        gate.update(detector.process(begin, frame).probability, end)
        if spotter.process(frame) and gate.admits(end):
            heard.append(end)

    def probabilities(windows):
        # The network normalises by itself; distance drops out, so this undoes it.
        return np.array([network.probabilities((window - 1) * 4)[1:] for window in windows])

    looks = Looks.of(speech)
    agreed = looks.agreed(probabilities)[:, network.phrases.index('stop')]
    assert len(heard) == alarms(agreed, 0.5) == 2
    first = np.flatnonzero(agreed >= 0.5)[0]
    assert looks.ends[first] / 100 == pytest.approx(heard[0], abs=0.1)


def test_alarms_are_counted_once_per_phrase():
    agreed = np.zeros(100)
    agreed[[10, 11, 12, 28, 30, 80]] = 0.9
    assert alarms(agreed, 0.5) == 3
    assert alarms(agreed, 0.95) == 0


def test_the_hard_moments_of_a_stream_are_found():
    frames = np.random.default_rng(0).normal(-5.0, 3.0, (FRAMES + 80, 40)).astype(np.float32)
    ends = np.arange(FRAMES, len(frames) + 1, 8)
    admitted = np.arange(len(ends)) % 2 == 0
    looks = Looks(frames, ends, admitted)
    likely = np.full((len(ends), 3), 0.01, np.float32)
    likely[[2, 3], 1] = 0.1  # only the first of them passes the gate
    likely[5, 2] = 0.6

    class NoEasyOnes:
        def random(self, count):
            return np.ones(count)

    found = hard_windows(NoEasyOnes(), [looks], lambda windows: likely[: len(windows)])
    np.testing.assert_array_equal(found, looks.windows(np.array([2, 5])).astype(np.float16))


def test_running_speech_pauses_between_utterances():
    random = np.random.default_rng(1)
    clips = [np.full(RATE, 0.1, np.float32), np.full(2 * RATE, 0.1, np.float32)]
    sounds = Sounds([], [], [], [], [np.zeros(12 * RATE, np.float32)])
    stream = running_stream(random, sounds, clips, 0.5)
    assert 30 * RATE <= stream.size <= 34 * RATE
    silent = np.flatnonzero(np.abs(stream) < 1e-7)
    runs = np.split(silent, np.flatnonzero(np.diff(silent) > 1) + 1)
    longest = max(run.size for run in runs) / RATE
    assert PAUSES[0] < longest <= PAUSES[1]


@pytest.mark.parametrize('language', ['en', 'fr'])
def test_no_voice_and_no_short_text_belongs_to_two_sets(language):
    random = np.random.default_rng(2)
    used = []
    for voices in VoiceSet:
        drawn = [draw(random, language, voices) for _ in range(400)]
        # An accent without a variant is the plain voice of that accent.
        used.append({v.name.partition('+')[2] or v.engine + v.name for v in drawn})
    training, development, held_out = used
    assert not development & (training | held_out)
    plain = {'espeaken', 'espeaken-us'}
    assert not (training & held_out) - plain
    assert not set(SHORT_TALK[language]) & set(SHORT_TALK_DEVELOPMENT[language])
