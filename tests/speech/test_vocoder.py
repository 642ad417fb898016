# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

from minicpmo.speech.flow_cache import Generation
from minicpmo.speech.noise import GaussianNoise, HashedNoise, hashed_uniform


def mel_frames(count, seed=0):
    return torch.randn(count, 80, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope='module')
def causal(recorded):
    from minicpmo.checks.token2wav_check import load_token2wav

    return load_token2wav(recorded, Generation.CAUSAL).vocoder


@settings(max_examples=15, deadline=None)
@given(pieces=st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_causal_stream_equals_one_call(causal, pieces):
    mel = mel_frames(sum(pieces))
    whole = causal(mel, causal.new_state(), True)
    state, streamed = causal.new_state(), []
    for index, part in enumerate(mel.split(pieces)):
        streamed.append(causal(part, state, index == len(pieces) - 1))
        assert state.mel.shape[1] <= 31 + 8
    streamed = torch.cat(streamed)
    assert len(streamed) == len(whole) == 480 * len(mel) + 3840
    torch.testing.assert_close(streamed, whole, atol=2e-5, rtol=0)


@pytest.mark.parametrize('pieces', [[50, 50, 36], [10, 50, 2]])
def test_original_stream_has_every_sample(original, pieces):
    vocoder, mel = original.vocoder, mel_frames(sum(pieces))
    state, streamed = vocoder.new_state(), []
    for index, part in enumerate(mel.split(pieces)):
        streamed.append(vocoder(part, state, index == len(pieces) - 1))
    assert sum(map(len, streamed)) == 480 * len(mel) + 3840
    assert (streamed[0][:3840] == 0).all()


def test_a_turn_in_one_call_needs_no_lead(original):
    vocoder = original.vocoder
    assert len(vocoder(mel_frames(6), vocoder.new_state(), True)) == 480 * 6


def test_full_calls_make_a_second_each(token2wav, prompt, codes):
    stream = token2wav.new_stream(token2wav.prepare_voice(prompt))
    assert [len(stream.decode(codes(28, call), False)) for call in range(4)] == [24000] * 4


def test_reset_begins_the_same_turn(token2wav, prompt, codes):
    stream = token2wav.new_stream(token2wav.prepare_voice(prompt), HashedNoise(3))
    first = torch.cat([stream.decode(codes(28, call), call == 3) for call in range(4)])
    stream.reset()
    again = torch.cat([stream.decode(codes(28, call), call == 3) for call in range(4)])
    assert torch.equal(first, again)


def test_interleaved_streams_equal_separate_ones(token2wav, prompt, codes):
    voice = token2wav.prepare_voice(prompt)

    def run(stream, seed):
        return [stream.decode(codes(28, seed + call), call == 3) for call in range(4)]

    alone = [run(token2wav.new_stream(voice), seed) for seed in (0, 10)]
    streams = [token2wav.new_stream(voice) for _ in range(2)]
    for call in range(4):
        for stream, seed, expected in zip(streams, (0, 10), alone, strict=True):
            assert torch.equal(stream.decode(codes(28, seed + call), call == 3), expected[call])


def test_sound_stays_in_range(token2wav, prompt, codes):
    stream = token2wav.new_stream(token2wav.prepare_voice(prompt))
    sound = torch.cat([stream.decode(codes(28, call), False) for call in range(3)])
    assert torch.isfinite(sound).all()
    assert 0.01 < sound.abs().max() <= 0.99


def test_hashed_noise_is_the_portable_one():
    def by_hand(index, salt):
        x = (index * 2654435761 + salt * 40503 + 1013904223) % 2**32
        x = (x ^ (x >> 16)) * 2246822519 % 2**32
        x = (x ^ (x >> 13)) * 3266489917 % 2**32
        return (x ^ (x >> 16)) / 2**32

    index = [0, 1, 2, 77, 10**6, 2**31, 7 * 10**9]
    expected = [by_hand(i, 4242) for i in index]
    found = hashed_uniform(torch.tensor(index), 4242)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)
    values = hashed_uniform(torch.arange(100000), 911)
    assert abs(values.mean() - 0.5) < 0.005
    assert abs(values.var() - 1 / 12) < 0.002


def test_gaussian_noise_goes_on_and_can_begin_anew():
    noise, cpu = GaussianNoise(4), torch.device('cpu')
    first, second = noise.draw(5, 9, cpu), noise.draw(5, 9, cpu)
    assert not torch.equal(first, second)
    noise.reset()
    assert torch.equal(noise.draw(5, 9, cpu), first)
