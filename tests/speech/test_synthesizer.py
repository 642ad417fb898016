# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from minicpmo.errors import InputError
from minicpmo.speech import chat_code_stream
from minicpmo.speech.code_sampler import CodeSampling
from minicpmo.speech.protocol import SpeechSynthesizer
from minicpmo.speech.sound_stream import as_pcm
from minicpmo.speech.synthesizer import ModelSpeech

GREEDY = CodeSampling(seed=None)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """Random weights rarely draw the end code, so chunks of chat speech end at a limit."""
    monkeypatch.setattr(chat_code_stream, 'MAX_CODES_PER_CHUNK', 40)


@pytest.fixture(scope='module')
def voice(original, prompt):
    return original.prepare_voice(prompt)


@pytest.fixture
def new_speech(decoder, original, voice):
    return lambda kind=ModelSpeech.duplex, **options: kind(decoder, original, voice, **options)


def turn(speech, hidden, units=3, first=0):
    return [
        speech.speak([1, 2, unit], hidden(3, first + unit), '', unit == units - 1)
        for unit in range(units)
    ]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('kind', [ModelSpeech.duplex, ModelSpeech.turn_based])
def test_implements_the_protocol(new_speech, kind):
    speech = new_speech(kind)
    assert isinstance(speech, SpeechSynthesizer)
    assert speech.sample_rate == 24000
    speech.close()
    speech.close()


def test_every_unit_of_a_turn_lasts_a_second(new_speech, hidden):
    speech = new_speech(sampling=GREEDY)
    sounds = turn(speech, hidden, units=5)
    assert all(sound.dtype == np.float32 for sound in sounds)
    assert [len(sound) for sound in sounds[:-1]] == [24000] * 4
    assert len(sounds[-1]) >= 6720
    assert all(np.abs(sound).max() <= 1.0 for sound in sounds)
    assert speech.buffered_codes == 3
    assert speech.decoder_position == 0


@pytest.mark.parametrize('kind', [ModelSpeech.duplex, ModelSpeech.turn_based])
def test_reset_repeats_the_conversation(new_speech, hidden, kind):
    speech = new_speech(kind)
    first = turn(speech, hidden) + turn(speech, hidden, 2, 7)
    speech.reset()
    again = turn(speech, hidden) + turn(speech, hidden, 2, 7)
    # The vocoder's noise goes on through turns, but begins anew with the conversation.
    assert_equal(again, first)


def test_two_interleaved_sessions_equal_separate_ones(new_speech, hidden):
    alone = [turn(new_speech(), hidden, first=first) for first in (0, 20)]
    speeches = [new_speech(), new_speech()]
    found = [[], []]
    for unit in range(3):
        for speech, sounds, first in zip(speeches, found, (0, 20), strict=True):
            sounds.append(speech.speak([1, 2, unit], hidden(3, first + unit), '', unit == 2))
    for sounds, expected in zip(found, alone, strict=True):
        assert_equal(sounds, expected)


def test_forced_listen_keeps_the_decoder_and_interruption_does_not(new_speech, hidden):
    speech = new_speech(sampling=GREEDY)
    speech.speak([1, 2], hidden(2), '', False)
    position = speech.decoder_position
    assert position == 3 + 25
    speech.reset_turn(keep_decoder_context=True)
    assert speech.decoder_position == position
    speech.speak([3], hidden(1), '', False)
    assert (speech.trace.start, speech.trace.minimum) == (position, 26)
    speech.reset_turn(keep_decoder_context=False)
    assert speech.decoder_position == 0


def test_interruption_leaves_nothing_behind(new_speech, hidden):
    speech, fresh = new_speech(sampling=GREEDY), new_speech(sampling=GREEDY)
    turn(speech, hidden, 2)
    speech.speak([4], hidden(1), '', False)
    speech.reset_turn(keep_decoder_context=False)
    speech.reset()
    assert_equal(turn(speech, hidden, 3, 5), turn(fresh, hidden, 3, 5))


def test_a_refused_unit_changes_nothing(new_speech, hidden):
    speech, other = new_speech(), new_speech()
    for one in (speech, other):
        one.speak([1], hidden(1), '', False)
    with pytest.raises(InputError):
        speech.speak([1, 2], hidden(1), '', False)
    assert_equal(turn(speech, hidden), turn(other, hidden))


def test_calls_inside_and_outside_inference_mode_mix(decoder, original, prompt, hidden):
    with torch.inference_mode():
        speech = ModelSpeech.duplex(decoder, original, original.prepare_voice(prompt))
        inside = turn(speech, hidden)
    speech.reset()
    assert_equal(turn(speech, hidden), inside)


def test_chat_waits_for_full_blocks(new_speech, hidden):
    speech = new_speech(ModelSpeech.turn_based, sampling=GREEDY)
    sound = speech.speak(list(range(10)), hidden(10), '', False)
    assert len(sound) % 24000 == 0
    assert len(speech.speak([], None, '', True)) > 0


def test_samples_are_those_of_16_bits():
    values = torch.tensor([0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 1e-5])
    found = as_pcm(values) * 32768
    np.testing.assert_array_equal(found, [0, 16383, -16383, 32767, -32767, 32767, -32767, 0])
