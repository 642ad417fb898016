# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from minicpmo_ros.sound_device.echo_filter import EchoFilter, EchoFilterConfig

BLOCK = 160


def loop(filter_, response, seconds, near=None, seed=1):
    """Return microphone and residual for white noise on the loudspeaker."""
    random = np.random.default_rng(seed)
    far = random.normal(0.0, 0.1, int(seconds * 16000)).astype(np.float32)
    microphone = np.convolve(far, response)[: far.size].astype(np.float32)
    if near is not None:
        microphone += near[: far.size]
    residual = [
        filter_.process(far[at : at + BLOCK], microphone[at : at + BLOCK])
        for at in range(0, far.size - BLOCK + 1, BLOCK)
    ]
    return microphone, np.concatenate(residual)


def response(delay=960, length=1600, seed=0):
    tail = np.random.default_rng(seed).normal(size=length) * np.exp(-np.arange(length) / 300)
    return np.concatenate([np.zeros(delay), 0.3 * tail / np.linalg.norm(tail)])


def reduction(microphone, residual, seconds):
    last = slice(-int(seconds * 16000), None)
    return 10 * np.log10(np.mean(microphone[last] ** 2) / np.mean(residual[last] ** 2))


def test_learns_a_room():
    microphone, residual = loop(EchoFilter(), response(), 5.0)
    assert reduction(microphone, residual, 1.0) > 25.0


def test_the_user_neither_vanishes_nor_spoils_the_filter():
    near = np.zeros(6 * 16000, np.float32)
    user = np.random.default_rng(9).normal(0.0, 0.05, 32000).astype(np.float32)
    near[48000:80000] = user
    microphone, residual = loop(EchoFilter(), response(), 6.0, near)
    kept = residual[48000:80000]
    assert np.corrcoef(kept, user)[0, 1] > 0.95
    assert reduction(microphone, residual, 0.5) > 20.0


def test_without_echo_the_microphone_passes_unchanged():
    random = np.random.default_rng(3)
    filter_ = EchoFilter()
    for _ in range(100):
        near = random.normal(0.0, 0.1, BLOCK).astype(np.float32)
        np.testing.assert_allclose(
            filter_.process(np.zeros(BLOCK, np.float32), near), near, atol=1e-6
        )


@pytest.mark.parametrize('milliseconds', [1.3, -1.3, 5.0, 100.0])
def test_a_device_that_skips_samples_is_learned_anew(milliseconds):
    skipped = int(abs(milliseconds) * 16)
    early, late = response(), np.concatenate([np.zeros(skipped), response()])
    if milliseconds < 0:
        early, late = late, early
    filter_ = EchoFilter()
    far = np.random.default_rng(1).normal(0.0, 0.1, 6 * 16000).astype(np.float32)
    residual = []
    microphone = np.concatenate(
        [
            np.convolve(far, early)[:48000],
            np.convolve(far, late)[48000 : far.size],
        ]
    ).astype(np.float32)
    for at in range(0, far.size, BLOCK):
        residual.append(filter_.process(far[at : at + BLOCK], microphone[at : at + BLOCK]))
    assert filter_.restarts == 1
    assert reduction(microphone[:80000], np.concatenate(residual)[:80000], 0.5) > 15.0


def test_a_user_never_makes_the_filter_start_anew():
    near = np.zeros(6 * 16000, np.float32)
    near[48000:80000] = np.random.default_rng(9).normal(0.0, 0.4, 32000)
    filter_ = EchoFilter()
    loop(filter_, response(), 6.0, near)
    assert filter_.restarts == 0


def test_an_echo_beyond_the_tail_is_left_alone():
    filter_ = EchoFilter(EchoFilterConfig(tail=0.1))
    microphone, residual = loop(filter_, response(delay=4000), 3.0)
    assert -3.0 < reduction(microphone, residual, 1.0) < 3.0


def test_reset_forgets_the_room():
    filter_ = EchoFilter()
    loop(filter_, response(), 3.0)
    filter_.reset()
    microphone, residual = loop(filter_, response(), 0.02)
    assert residual == pytest.approx(microphone[: residual.size], abs=1e-6)


def test_the_own_echo_is_expected_and_a_user_stands_out():
    far = np.random.default_rng(1).normal(0.0, 0.1, 5 * 16000).astype(np.float32)
    microphone = np.convolve(far, response())[: far.size].astype(np.float32)
    user = np.random.default_rng(9).normal(0.0, 0.05, 16000).astype(np.float32)
    microphone[64000:80000] += user
    filter_, excess = EchoFilter(), []
    for at in range(0, far.size - BLOCK + 1, BLOCK):
        rest = filter_.process(far[at : at + BLOCK], microphone[at : at + BLOCK])
        power = np.square(np.abs(np.fft.rfft(rest, 2 * BLOCK))).sum()
        excess.append(10 * np.log10((power + 1e-9) / (filter_.expected.sum() + 1e-9)))
    assert np.mean(excess[200:400]) < 2.0 < 6.0 < np.mean(excess[410:500])
