# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The incremental spectrum against a recomputation of the whole buffer."""

import math

import numpy as np
import pytest
import torch

from minicpmo.audio_input import require_clip
from minicpmo.errors import InputError
from minicpmo.mel import LogMel, MelState, slaney_filterbank

SECOND = 16000


def whole_buffer_stream(audio: np.ndarray) -> list[torch.Tensor]:
    """Recompute everything for every second, as the rules of the stream are written down."""
    filters = torch.from_numpy(slaney_filterbank(80)).float()
    buffer, base, results = np.zeros(560, np.float32), 0, []
    pending = np.zeros(0, np.float32)
    for call, unit in enumerate(audio.reshape(-1, SECOND)):
        unit = np.concatenate((pending, unit))
        taken = 15920 if call == 0 else SECOND
        buffer, pending = np.concatenate((buffer, unit[:taken])), unit[taken:]
        if buffer.size >= 480000:
            buffer, base = buffer[160000:], base + 1000
        window = torch.hann_window(400)
        stft = torch.stft(torch.from_numpy(buffer), 400, 160, window=window, return_complex=True)
        log_power = (filters @ stft[:, :-1].abs() ** 2).clamp(min=1e-10).log10()
        floor = -10.0 if buffer.size < 80000 else float(log_power.max()) - 8.0
        mel = (log_power.clamp(min=floor) + 4.0) / 4.0
        start = max(0, 100 * call - 2) - base
        results.append(mel[:, start : 100 * call + 102 - base])
    return results


@pytest.fixture(scope='module')
def log_mel() -> LogMel:
    return LogMel(80)


@pytest.fixture(scope='module')
def speech() -> np.ndarray:
    """Return 52 s of modulated noise: loud parts leave the window at every slide."""
    rng = np.random.default_rng(7)
    seconds = 52
    noise = rng.standard_normal(seconds * SECOND).astype(np.float32) * 0.1
    loudness = np.repeat(rng.uniform(0.001, 1.0, seconds * 4), SECOND // 4).astype(np.float32)
    return noise * loudness


def test_stream_equals_recomputation_across_two_slides(log_mel, speech):
    actual = log_mel.stream(speech)
    for call, expected in enumerate(whole_buffer_stream(speech)):
        assert actual[call].shape == (80, 102 if call == 0 else 104)
        torch.testing.assert_close(actual[call], expected, rtol=0, atol=2e-6)


def test_interleaved_streams_and_reset(log_mel, speech):
    first, second = speech[: 7 * SECOND], speech[7 * SECOND : 14 * SECOND]
    a, b = MelState(), MelState()
    mixed = [
        (log_mel.step(a, x), log_mel.step(b, y))
        for x, y in zip(first.reshape(-1, SECOND), second.reshape(-1, SECOND), strict=True)
    ]
    for alone, together in zip(log_mel.stream(second), mixed, strict=True):
        assert torch.equal(alone, together[1])
    a.reset()
    for alone, unit in zip(log_mel.stream(second), second.reshape(-1, SECOND), strict=True):
        assert torch.equal(log_mel.step(a, unit), alone)


def test_state_does_not_grow(log_mel, speech):
    state = MelState()
    sizes = {
        tuple(tensor.data_ptr() for tensor in (state.samples, state.frame_max, state.recent))
        for unit in speech.reshape(-1, SECOND)
        if log_mel.step(state, unit) is not None
    }
    assert len(sizes) == 1 and state.length < 480000


@pytest.mark.parametrize('samples', [1281, 16000, 40480, 479300, 480000])
def test_clip_equals_the_clip_padded_to_thirty_seconds(log_mel, speech, samples):
    clip = speech[:samples]
    padded = np.zeros(480000, np.float32)
    padded[:samples] = clip
    frames = math.ceil(samples / 160)
    assert log_mel.clip(clip).shape == (80, frames)
    expected = log_mel.clip(padded)[:, :frames]
    torch.testing.assert_close(log_mel.clip(clip), expected, rtol=0, atol=2e-6)


def test_batch_equals_single_clips(log_mel, speech):
    lengths = (8000, 16000, 12345)
    batch = torch.zeros(3, max(lengths))
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.from_numpy(speech[:length])
    result = log_mel.batch(batch)
    for mel, length in zip(result, lengths, strict=True):
        alone = log_mel.clip(speech[:length])
        torch.testing.assert_close(mel[:, : alone.shape[1]], alone, rtol=0, atol=2e-6)


def test_long_clip_is_cut_and_a_tiny_rest_left_out(log_mel, speech):
    assert [m.shape[1] for m in log_mel.clip_pieces(speech[: 33 * SECOND])] == [3000, 300]
    assert [m.shape[1] for m in log_mel.clip_pieces(speech[: 30 * SECOND + 500])] == [3000]
    pieces = log_mel.clip_pieces(speech[: 12 * SECOND], longest=5 * SECOND)
    assert [mel.shape[1] for mel in pieces] == [500, 500, 200]


def test_silence_has_the_lowest_value(log_mel):
    silence = np.zeros(SECOND, np.float32)
    assert torch.equal(log_mel.clip(silence), torch.full((80, 100), -1.5))
    assert torch.equal(log_mel.step(MelState(), silence), torch.full((80, 102), -1.5))


BAD = [
    (np.zeros(15999, np.float32), '15999 samples; send exactly 16000'),
    (np.zeros(0, np.float32), 'empty'),
    (np.zeros((1, SECOND), np.float32), 'one channel'),
    (np.zeros(SECOND, np.float64), 'float64; convert it to float32'),
    (np.zeros(SECOND, np.int16), 'int16; convert it'),
    (np.full(SECOND, np.nan, np.float32), '16000 NaN or infinite'),
    (np.full(SECOND, np.inf, np.float32), 'NaN or infinite'),
    ([0.0] * SECOND, 'list; pass a numpy array'),
    (None, 'NoneType'),
]


@pytest.mark.parametrize(('audio', 'message'), BAD)
def test_bad_audio_is_named_and_leaves_the_stream_alone(log_mel, speech, audio, message):
    state, control = MelState(), MelState()
    for unit in speech[: 2 * SECOND].reshape(-1, SECOND):
        log_mel.step(state, unit)
        log_mel.step(control, unit)
    with pytest.raises(InputError, match=message):
        log_mel.step(state, audio)
    following = speech[2 * SECOND : 3 * SECOND]
    assert torch.equal(log_mel.step(state, following), log_mel.step(control, following))


def test_bad_clips_are_named():
    with pytest.raises(InputError, match='44100 Hz; resample it to 16000 Hz'):
        require_clip(np.zeros(44100, np.float32), 44100)
    with pytest.raises(InputError, match='at least 1281'):
        require_clip(np.zeros(1280, np.float32))
    with pytest.raises(InputError, match='multiple of 16000'):
        LogMel(80).stream(np.zeros(100, np.float32))
