# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

from minicpmo.errors import InputError
from minicpmo.speech.prompt_features import (
    code_mel,
    fitted_mel,
    prompt_mel,
    quantised_codes,
    speaker_features,
)
from minicpmo.speech.resample import resampled


def tone(frequency, rate, seconds=0.5):
    return torch.sin(2 * math.pi * frequency * torch.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ('rate', 'target'),
    [(16000, 24000), (24000, 16000), (44100, 16000), (48000, 24000), (8000, 16000)],
)
def test_a_tone_stays_the_same_tone(rate, target):
    found, expected = resampled(tone(1000, rate), rate, target), tone(1000, target)
    assert len(found) == len(expected)
    middle = slice(target // 20, -target // 20)
    assert (found[middle] - expected[middle]).abs().max() < 5e-3


def test_what_the_lower_rate_cannot_hold_is_removed():
    found = resampled(tone(11000, 24000), 24000, 16000)
    assert found[500:-500].abs().max() < 0.02


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 3000), rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]))
def test_length_follows_the_rates(count, rate):
    assert len(resampled(torch.zeros(count), rate, 24000)) == math.ceil(count * 24000 / rate)


@pytest.mark.parametrize('rate', [0, -16000, 4000, 10**6])
def test_unusable_rates_are_refused(rate):
    with pytest.raises(InputError, match=str(rate)):
        resampled(torch.zeros(100), rate, 24000)


@pytest.mark.parametrize('samples', [16000, 16001, 16159, 40480])
def test_frame_counts(samples):
    clip = torch.randn(samples)
    assert code_mel(clip).shape == (128, samples // 160)
    assert speaker_features(clip).shape == (1 + (samples - 400) // 160, 80)
    assert prompt_mel(clip).shape == (samples // 480, 80)


def test_spectra_find_a_tone():
    assert code_mel(tone(1000, 16000)).mean(dim=1).argmax() in range(40, 46)
    low, high = (prompt_mel(tone(f, 24000)).mean(dim=0).argmax() for f in (300, 3000))
    assert low < high


def test_speaker_features_have_no_mean_and_no_loudness():
    clip = 0.1 * torch.randn(16000)
    features = speaker_features(clip)
    assert features.mean(dim=0).abs().max() < 1e-4
    torch.testing.assert_close(speaker_features(2 * clip), features, atol=1e-3, rtol=0)


@pytest.mark.parametrize(('frames', 'codes'), [(126, 64), (130, 64), (128, 64)])
def test_prompt_mel_has_two_frames_per_code(frames, codes):
    mel = torch.randn(frames, 80)
    fitted = fitted_mel(mel, codes)
    assert fitted.shape == (2 * codes, 80)
    shared = min(frames, 2 * codes)
    assert torch.equal(fitted[:shared], mel[:shared])
    assert (fitted[frames:] == mel[-1]).all()


@settings(max_examples=50, deadline=None)
@given(code=st.integers(0, 6560))
def test_codes_are_base_three_digits(code):
    digits = [int(digit) for digit in np.base_repr(code, 3).zfill(8)[::-1]]
    states = 5.0 * (torch.tensor(digits) - 1.0)[None]
    assert quantised_codes(states).tolist() == [code]
