# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Layers of sizes that no recording has, against the independent ones of ``transformers``."""

import pytest
import torch
from transformers import LlamaConfig, LlamaModel, Qwen3Config, Qwen3Model, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from minicpmo.audio_encoder import AudioEncoder
from minicpmo.config import AudioConfig, LanguageConfig, SpeechConfig
from minicpmo.llm import LanguageModel
from minicpmo.speech.backbone import Backbone

TOLERANCE = 1e-5
ROWS = 23


def filled(module):
    """Return the module with random weights, biases and norms included."""
    torch.manual_seed(1)
    for name, tensor in module.state_dict().items():
        tensor.copy_(torch.randn_like(tensor) * 0.2 + ('norm' in name))
    return module.eval()


def sizes(config, *names):
    return {name: getattr(config, name) for name in names}


@pytest.mark.parametrize(('heads', 'shared', 'head_dim'), [(6, 2, 8), (5, 5, 4), (4, 1, 20)])
@torch.inference_mode()
def test_language_model(heads, shared, head_dim):
    config = LanguageConfig(37, 24, 40, 3, heads, shared, head_dim, 1e-5, 5e4)
    ours = filled(LanguageModel(config))
    plain = sizes(
        config,
        'vocab_size',
        'hidden_size',
        'intermediate_size',
        'num_hidden_layers',
        'num_attention_heads',
        'num_key_value_heads',
        'head_dim',
        'rms_norm_eps',
    )
    rope = {'rope_type': 'default', 'rope_theta': config.rope_theta}
    theirs = Qwen3Model(Qwen3Config(**plain, rope_parameters=rope)).eval()
    theirs.load_state_dict(ours.model.state_dict())
    rows = ours.embed(torch.arange(ROWS))
    expected = theirs(inputs_embeds=rows[None]).last_hidden_state[0]
    cache = ours.new_cache(ROWS)
    found = torch.cat([ours.extend(part, cache) for part in rows.split((9, 1, 13))])
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE)
    assert float(expected.std()) > 0.1


@pytest.mark.parametrize(('width', 'heads', 'mel_bins'), [(24, 3, 80), (20, 5, 128)])
@torch.inference_mode()
def test_audio_encoder(width, heads, mel_bins):
    config = AudioConfig(mel_bins, width, 3, heads, 44, max_source_positions=120)
    ours = filled(AudioEncoder(config))
    plain = sizes(
        config,
        'num_mel_bins',
        'd_model',
        'encoder_layers',
        'encoder_attention_heads',
        'encoder_ffn_dim',
        'max_source_positions',
    )
    theirs = WhisperEncoder(WhisperConfig(**plain)).eval()
    theirs.load_state_dict(ours.state_dict())
    mel = torch.randn(1, mel_bins, 240)
    expected = theirs(mel).last_hidden_state
    found = ours(mel, chunk_frames=0)
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize(('width', 'heads', 'shared'), [(24, 3, 3), (40, 4, 2)])
@torch.inference_mode()
def test_speech_decoder(width, heads, shared):
    config = SpeechConfig(
        hidden_size=width,
        intermediate_size=36,
        num_hidden_layers=3,
        num_attention_heads=heads,
        num_key_value_heads=shared,
        rope_theta=3000.0,
    )
    ours = filled(Backbone(config, table_rows=5))
    plain = sizes(
        config,
        'hidden_size',
        'intermediate_size',
        'num_hidden_layers',
        'num_attention_heads',
        'num_key_value_heads',
        'rms_norm_eps',
    )
    rope = {'rope_type': 'default', 'rope_theta': config.rope_theta}
    theirs = LlamaModel(LlamaConfig(vocab_size=5, **plain, rope_parameters=rope)).eval()
    theirs.load_state_dict(ours.state_dict())
    rows, cache = torch.randn(ROWS, width), ours.new_cache(ROWS)
    parts = [ours(part, cache, ours.plan(cache, len(part))) for part in rows.split((11, 1, 11))]
    expected = theirs(inputs_embeds=rows[None]).last_hidden_state[0]
    torch.testing.assert_close(torch.cat(parts), expected, atol=TOLERANCE, rtol=TOLERANCE)
