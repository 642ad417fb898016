# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
import torch

from minicpmo.errors import InputError
from minicpmo.speech.conformer import EncoderCache
from minicpmo.speech.flow_cache import Generation, Prompt, trimmed


def numbered(codes, mel):
    """Return a cache whose entries are their own indices."""
    return EncoderCache(
        torch.zeros(1),
        torch.zeros(1),
        torch.arange(codes).float().view(1, 1, codes, 1),
        torch.arange(mel).float().view(1, 1, mel, 1),
    )


@settings(max_examples=100, deadline=None)
@given(prompt=st.integers(3, 400), calls=st.lists(st.integers(1, 28), min_size=1, max_size=12))
def test_original_trimming_equals_the_packed_cache(prompt, calls):
    """Emulates the official layout: code-rate rows twice in a row, cut like mel frames."""
    frames = 2 * prompt
    cache, packed = numbered(prompt, frames), list(range(prompt)) * 2
    mel, newest = list(range(frames)), 1000
    for count in calls:
        codes = packed[: len(packed) // 2] + list(range(newest, newest + count))
        packed, mel = codes * 2, mel + list(range(newest, newest + 2 * count))
        fresh = torch.arange(newest, newest + 2 * count).float().view(1, 1, -1, 1)
        cache = replace(
            cache,
            code_rate=torch.cat((cache.code_rate, fresh[:, :, :count]), dim=2),
            mel_rate=torch.cat((cache.mel_rate, fresh), dim=2),
        )
        newest += 1000
        if len(mel) > frames + 100:
            packed = packed[:frames] + packed[-100:]
            mel = mel[:frames] + mel[-100:]
        cache = trimmed(cache, frames, Generation.ORIGINAL)
        assert cache.code_rate.flatten().tolist() == packed[: len(packed) // 2]
        assert cache.mel_rate.flatten().tolist() == mel


def test_causal_trimming_keeps_the_same_span_at_both_rates():
    cache = trimmed(numbered(135, 270), 120, Generation.CAUSAL)
    assert cache.code_rate.flatten().tolist() == [*range(60), *range(85, 135)]
    assert cache.mel_rate.flatten().tolist() == [*range(120), *range(170, 270)]


def test_a_stream_keeps_its_size(token2wav, prompt, codes):
    flow = token2wav.flow
    state = flow.new_state(flow.prepare_prompt(prompt))
    sizes = []
    for call in range(8):
        assert flow(codes(28, call), state, False).shape == (50, 80)
        sizes.append((len(state.slots), state.encoder.mel_rate.shape, state.attention.shape))
    assert sizes[2:] == [sizes[2]] * 6


def test_reset_returns_to_the_prompt(token2wav, prompt, codes):
    flow = token2wav.flow
    state = flow.new_state(flow.prepare_prompt(prompt))
    first = [flow(codes(28, call), state, call == 4) for call in range(5)]
    state.reset()
    again = [flow(codes(28, call), state, call == 4) for call in range(5)]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)


def test_a_voice_on_the_host_sounds_the_same(token2wav, prompt, codes):
    flow = token2wav.flow
    voice = flow.prepare_prompt(prompt)
    states = [flow.new_state(of) for of in (voice, voice.on_host())]
    for call in range(3):
        one, other = (flow(codes(28, call), state, call == 2) for state in states)
        assert torch.equal(one, other)
        if call == 1:
            for state in states:
                state.reset()


def test_streams_do_not_touch_the_shared_prompt(original, prompt, codes):
    flow = original.flow
    voice = flow.prepare_prompt(prompt)
    before = voice.attention.clone(), voice.convolution.clone()
    flow(codes(28), flow.new_state(voice), False)
    assert torch.equal(voice.attention, before[0])
    assert torch.equal(voice.convolution, before[1])


def test_first_block_of_a_short_text_equals_one_piece(original, prompt, codes):
    """With everything in one last block the stream sees what the offline path sees."""
    flow = original.flow
    offline = flow.offline(codes(20), prompt)
    assert offline.shape == (40, 80)
    streamed = flow(codes(20), flow.new_state(flow.prepare_prompt(prompt)), True)
    # The prompt was computed without knowing the text, hence only roughly equal.
    assert (streamed - offline).abs().mean() < 0.2 * offline.abs().mean()


@pytest.mark.parametrize(
    ('count', 'last'), [(0, False), (3, False), (29, False), (0, True), (29, True)]
)
def test_wrong_block_sizes_are_refused(original, prompt, codes, count, last):
    flow = original.flow
    state = flow.new_state(flow.prepare_prompt(prompt))
    with pytest.raises(InputError, match=f'{count} speech codes'):
        flow(codes(count), state, last)
    assert len(state.slots) == 120


@pytest.mark.parametrize('code', [-1, 6561, 99999])
def test_unknown_codes_change_nothing(original, prompt, codes, code):
    flow = original.flow
    state = flow.new_state(flow.prepare_prompt(prompt))
    with pytest.raises(InputError, match='speech code'):
        flow([*codes(10), code], state, False)
    expected = flow(codes(28), flow.new_state(flow.prepare_prompt(prompt)), False)
    assert torch.equal(flow(codes(28), state, False), expected)


@pytest.mark.parametrize(
    'change',
    [
        {'codes': ()},
        {'codes': (1,) * 500, 'mel': torch.zeros(1000, 80)},
        {'mel': torch.zeros(119, 80)},
        {'mel': torch.zeros(120, 40)},
        {'speaker': torch.zeros(191)},
    ],
)
def test_prompts_that_do_not_fit_are_refused(original, prompt, change):
    with pytest.raises(InputError):
        original.flow.prepare_prompt(replace(prompt, **change))


def test_short_and_long_voices_stream(original, codes):
    for count in (25, 200, 420):
        prompt = Prompt(tuple(codes(count)), torch.randn(2 * count, 80), torch.randn(192))
        state = original.flow.new_state(original.flow.prepare_prompt(prompt))
        for call in range(5):
            assert torch.isfinite(original.flow(codes(28, call), state, False)).all()
        assert len(state.slots) == 2 * count + 100
