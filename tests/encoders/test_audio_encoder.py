# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming equals whole-stream encoding, for the official and for small position tables."""

from dataclasses import replace

import pytest
import torch

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from minicpmo.config import AudioConfig, LanguageConfig, ModelConfig
from minicpmo.errors import InputError

TINY = AudioConfig(d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=48)


def make(positions: int) -> AudioEncoder:
    torch.manual_seed(3)
    return AudioEncoder(replace(TINY, max_source_positions=positions)).eval()


def unit_mels(count: int, batch: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    frames = [102] + [104] * (count - 1)
    return [torch.randn(batch, 80, n, generator=generator) for n in frames]


@pytest.mark.parametrize(('positions', 'window'), [(1500, 29), (256, 5), (103, 2)])
@torch.inference_mode()
def test_steps_equal_the_whole_stream_across_resets(positions, window):
    encoder, mels = make(positions), unit_mels(2 * window + 2)
    assert encoder.units_per_window == window
    cache, frames, lengths = encoder.new_cache(), [], []
    for mel in mels:
        frames.append(encoder.step(cache, mel[0]))
        lengths.append(cache.length)
    assert lengths == [50 * (i % window + 1) for i in range(len(mels))]
    torch.testing.assert_close(torch.cat(frames, 1), encoder.stream(mels), rtol=0, atol=2e-6)


@torch.inference_mode()
def test_interleaved_streams_share_weights():
    encoder, mels = make(256), unit_mels(7, batch=2)
    whole = encoder.stream(mels)
    caches = [encoder.new_cache(), encoder.new_cache()]
    for unit, mel in enumerate(mels):
        for row in (1, 0):
            frames = encoder.step(caches[row], mel[row])
            expected = whole[row : row + 1, 50 * unit : 50 * unit + 50]
            torch.testing.assert_close(frames, expected, rtol=0, atol=2e-6)


@torch.inference_mode()
def test_cache_keeps_its_memory_and_reset_forgets_the_stream():
    encoder, mels = make(256), unit_mels(6)
    cache = encoder.new_cache()
    memory = cache.keys.data_ptr()
    first = [encoder.step(cache, mel[0]) for mel in mels]
    cache.reset()
    again = [encoder.step(cache, mel[0]) for mel in mels]
    assert cache.keys.data_ptr() == memory
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@torch.inference_mode()
def test_context_frames_can_be_kept():
    encoder, mels = make(256), unit_mels(3)
    cache = encoder.new_cache()
    kept = [encoder.step(cache, mel[0], drop_context=False).shape[1] for mel in mels]
    assert kept == [51, 52, 52] and cache.length == 155


@torch.inference_mode()
def test_batch_of_clips_equals_each_clip_alone():
    encoder = make(256)
    mel = torch.randn(3, 80, 400, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([400, 131, 250])
    whole = encoder(mel, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(mel[row : row + 1, :, :length])
        shown = whole[row : row + 1, : alone.shape[1]]
        torch.testing.assert_close(shown, alone, rtol=0, atol=2e-6)


@torch.inference_mode()
def test_a_frame_sees_its_second_and_the_past_only():
    encoder = make(256)
    mel = torch.randn(1, 80, 300, generator=torch.Generator().manual_seed(2))
    changed = mel.clone()
    changed[..., 204:] += 1.0
    before, after = encoder(mel), encoder(changed)
    torch.testing.assert_close(before[:, :100], after[:, :100], rtol=0, atol=1e-6)
    assert not torch.allclose(before[:, 102:], after[:, 102:], atol=1e-3)


def test_gradients_reach_every_parameter():
    encoder = make(256)
    llm = LanguageConfig(10, 24, 48, 1, 2, 2, head_dim=8)
    projector = AudioProjector(ModelConfig(llm=llm, audio=encoder.config))
    rows = projector(encoder.stream(unit_mels(6, batch=2)))
    assert rows.shape == (2, 60, 24)
    rows.square().mean().backward()
    for name, parameter in [*encoder.named_parameters(), *projector.named_parameters()]:
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_row_count_of_a_clip():
    llm = LanguageConfig(10, 24, 48, 1, 2, 2, head_dim=8)
    projector = AudioProjector(ModelConfig(llm=llm, audio=TINY))
    encoder = make(1500)
    for frames in (9, 10, 99, 100, 101, 253):
        rows = projector(encoder(torch.zeros(1, 80, frames))).shape[1]
        assert rows == projector.rows(frames) == ((frames - 1) // 2 + 1 - 5) // 5 + 1


def test_too_long_a_clip_is_refused():
    encoder = make(256)
    assert encoder.longest_piece == 5 * 16000
    with pytest.raises(InputError, match='600 mel frames exceeds the 512'):
        encoder(torch.zeros(1, 80, 600))
