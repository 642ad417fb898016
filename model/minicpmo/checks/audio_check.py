# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Audio encoder and projection, whole clip and stream, against ``audio.*``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from minicpmo.checks.mel_check import recorded_audio, tiled_units
from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.checks.vision_check import every
from minicpmo.config import ModelConfig
from minicpmo.mel import LogMel, MelState

TOLERANCE = 1e-4


@stage('audio', needs=('audio.json', 'audio.safetensors', 'weights.safetensors'))
@torch.inference_mode()
def check_audio(vectors: Vectors) -> Iterator[StageResult]:
    """Encode the reference voice, then the stream across the reset of the cache."""
    config = ModelConfig.from_dict(vectors.config['model'])
    assert config.audio is not None
    encoder, projector = AudioEncoder(config.audio).eval(), AudioProjector(config).eval()
    encoder.load_state_dict(vectors.weights_of('apm.'))
    projector.load_state_dict(vectors.weights_of('audio_projection_layer.'))
    encoder.to(vectors.device)
    projector.to(vectors.device)
    log_mel = LogMel(config.audio.num_mel_bins)
    recorded, tensors = vectors.json('audio.json'), vectors.tensors('audio.safetensors')
    yield _check_clip(encoder, projector, log_mel.clip(recorded_audio(vectors, 'ref')), tensors)
    units = tiled_units(recorded_audio(vectors, 'speech'), len(recorded['stream']))
    state = MelState(log_mel.mel_bins)
    mels = [log_mel.step(state, unit).to(vectors.device) for unit in units]
    yield _check_stream(encoder, projector, mels, recorded['stream'], tensors)
    yield _check_at_once(encoder, projector, mels, tensors)


def _check_clip(
    encoder: AudioEncoder,
    projector: AudioProjector,
    mel: torch.Tensor,
    tensors: dict[str, torch.Tensor],
) -> StageResult:
    comparison = Comparison('audio clip', TOLERANCE)
    frames = encoder(mel[None], chunk_frames=0)
    expected = tensors['offline.ref_encoder_last_nomask']
    comparison.add('encoder', every(frames[0], expected), expected)
    comparison.add('rows, no chunks', projector(frames)[0], tensors['offline.ref_full'])
    chunked = projector(encoder(mel[None]))[0]
    comparison.add('rows, chunks of 1 s', chunked, tensors['offline.ref_chunk1s'])
    comparison.equal('row count', projector.rows(mel.shape[1]), chunked.shape[0])
    return comparison.result()


def _check_stream(
    encoder: AudioEncoder,
    projector: AudioProjector,
    mels: list[torch.Tensor],
    calls: list[dict[str, Any]],
    tensors: dict[str, torch.Tensor],
) -> StageResult:
    comparison = Comparison('audio stream', TOLERANCE)
    cache = encoder.new_cache()
    for call, mel in zip(calls, mels, strict=True):
        label = f'stream.{call["chunk"]}'
        frames = encoder.step(cache, mel)
        rows = projector(frames)[0]
        comparison.equal(f'{label} rows', rows.shape[0], call['embeds'])
        comparison.equal(f'{label} cached', cache.length, call['kv_after'])
        comparison.add(f'{label} mean', rows.mean(), call['mean'])
        convolved = encoder.conv2(F.gelu(encoder.conv1(mel[None])))[0]
        actual = {'embeds': rows, 'encoder_out': frames[0], 'after_conv2': convolved}
        for key, value in actual.items():
            if f'{label}.{key}' in tensors:
                comparison.add(f'{label} {key}', value, tensors[f'{label}.{key}'])
    return comparison.result()


def _check_at_once(
    encoder: AudioEncoder,
    projector: AudioProjector,
    mels: list[torch.Tensor],
    tensors: dict[str, torch.Tensor],
) -> StageResult:
    """Compare the path that training uses: all units in one forward."""
    comparison = Comparison('audio stream at once', TOLERANCE)
    rows = projector(encoder.stream([mel[None] for mel in mels]))[0].unflatten(0, (len(mels), -1))
    for name, expected in tensors.items():
        if name.startswith('stream.') and name.endswith('.embeds'):
            comparison.add(name, rows[int(name.split('.')[1])], expected)
    return comparison.result()
