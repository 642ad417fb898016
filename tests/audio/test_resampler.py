# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from minicpmo_ros.audio.resampler import Resampler, filter_bank, resample

RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)


def tone(frequency, rate, seconds, amplitude=0.5):
    time = np.arange(int(rate * seconds)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def in_blocks(samples, sizes, resampler):
    output, begin, turn = [], 0, 0
    while begin < samples.size:
        size = sizes[turn % len(sizes)]
        output.append(resampler.process(samples[begin : begin + size]))
        begin, turn = begin + size, turn + 1
    return np.concatenate([*output, resampler.flush()])


@pytest.mark.parametrize('rate', RATES)
def test_tone_keeps_amplitude_and_time(rate):
    output = resample(tone(1000, rate, 0.5), rate, 16000)
    assert output.dtype == np.float32
    assert output.size == 8000
    np.testing.assert_allclose(output[200:-200], tone(1000, 16000, 0.5)[200:-200], atol=2e-4)


@pytest.mark.parametrize('rate', [r for r in RATES if r > 20000])
def test_tone_above_the_new_band_disappears(rate):
    output = resample(tone(9500, rate, 0.5), rate, 16000)
    level = 20 * np.log10(np.sqrt(np.mean(output[200:-200] ** 2)) / np.sqrt(0.125))
    assert level < -60


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=6),
    seed=st.integers(0, 2**16),
)
def test_any_split_gives_the_same_bits(rate, sizes, seed):
    samples = np.random.default_rng(seed).uniform(-1, 1, 3000).astype(np.float32)
    whole = resample(samples, rate, 16000)
    assert np.array_equal(in_blocks(samples, sizes, Resampler(rate, 16000)), whole)


def test_long_block_equals_short_blocks():
    samples = np.random.default_rng(0).uniform(-1, 1, 50000).astype(np.float32)
    assert np.array_equal(
        in_blocks(samples, [441], Resampler(44100, 16000)), resample(samples, 44100, 16000)
    )


def test_equal_rates_pass_unchanged():
    samples = np.random.default_rng(0).uniform(-1, 1, 100).astype(np.float32)
    resampler = Resampler(16000, 16000)
    assert np.array_equal(resampler.process(samples), samples)
    assert resampler.latency == 0
    assert resampler.next_output_offset == 0
    assert resampler.flush().size == 0


def test_constant_stays_constant():
    bank = filter_bank(160, 441)
    np.testing.assert_allclose(bank.sum(axis=1), 1, atol=1e-6)


def test_offset_tells_the_time_of_the_next_output():
    resampler = Resampler(48000, 16000)
    produced = 0
    for block in range(50):
        before = block * 480 / 48000 + resampler.next_output_offset
        assert before == pytest.approx(produced / 16000, abs=1e-9)
        produced += resampler.process(np.zeros(480, np.float32)).size
    assert -resampler.latency - 1 / 16000 <= resampler.next_output_offset <= 0


def test_reset_begins_a_new_stream():
    samples = np.random.default_rng(1).uniform(-1, 1, 1000).astype(np.float32)
    resampler = Resampler(48000, 16000)
    first = resampler.process(samples)
    resampler.reset()
    assert np.array_equal(resampler.process(samples), first)


@pytest.mark.parametrize('rate', [0, -16000, 3999, 10**9])
def test_absurd_rate_is_named(rate):
    with pytest.raises(ValueError, match=str(rate)):
        Resampler(rate, 16000)


def test_empty_input():
    assert resample(np.zeros(0, np.float32), 48000, 16000).size == 0
