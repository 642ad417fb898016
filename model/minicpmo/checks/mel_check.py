# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel of clips and of an endless stream against ``mel.*``."""

from __future__ import annotations

from collections.abc import Iterator
import re
from typing import Any

import numpy as np
import torch

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.checks.vision_check import every
from minicpmo.config import ModelConfig
from minicpmo.mel import SAMPLE_RATE, LogMel, MelState

TOLERANCE = 1e-5


def recorded_audio(vectors: Vectors, name: str) -> np.ndarray:
    """Return ``ref`` or ``speech`` of the inputs as float32 [samples] in [-1, 1]."""
    stored = vectors.tensors('inputs/audio.safetensors')[f'{name}_16k_i16']
    return (stored.float() / 32768.0).numpy()


def tiled_units(audio: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` seconds of ``audio`` repeated end to end, [count, 16000]."""
    return np.resize(audio, count * SAMPLE_RATE).reshape(count, SAMPLE_RATE)


@stage('mel', needs=('mel.json', 'mel.safetensors', 'inputs/audio.safetensors'))
@torch.inference_mode()
def check_mel(vectors: Vectors) -> Iterator[StageResult]:
    """Transform the recorded clips, then the stream with its slides and floors."""
    config = ModelConfig.from_dict(vectors.config['model'])
    assert config.audio is not None
    log_mel = LogMel(config.audio.num_mel_bins)
    recorded, tensors = vectors.json('mel.json'), vectors.tensors('mel.safetensors')
    clips = Comparison('mel clips', TOLERANCE)
    for case in recorded['offline']:
        _check_clip(clips, log_mel, vectors, case, tensors)
    yield clips.result()
    yield _check_stream(log_mel, vectors, recorded['stream'], tensors)


def _check_clip(
    comparison: Comparison,
    log_mel: LogMel,
    vectors: Vectors,
    case: dict[str, Any],
    tensors: dict[str, torch.Tensor],
) -> None:
    pieces = log_mel.clip_pieces(_source(vectors, case['source']))
    lengths = case.get('lens', [case.get('frames')])
    comparison.equal(f'{case["name"]} frames', [mel.shape[1] for mel in pieces], lengths)
    for suffix in ('', '_tail'):
        expected = tensors.get(f'offline.{case["name"]}{suffix}')
        if expected is not None:
            comparison.add(case['name'], every(pieces[-1], expected, 1), expected)


def _source(vectors: Vectors, description: str) -> np.ndarray:
    """Return the samples a recording names, like 'speech[0:80000]' or 'speech tiled to 33 s'."""
    name, start, end = re.match(r'(\w+)(?:\[(\d*):(\d*)\])?', description).groups()
    audio = recorded_audio(vectors, name)
    tiled = re.search(r'tiled to (\d+) s', description)
    if tiled:
        return tiled_units(audio, int(tiled[1])).reshape(-1)
    return audio[int(start or 0) : int(end or audio.shape[0])]


def _check_stream(
    log_mel: LogMel,
    vectors: Vectors,
    calls: list[dict[str, Any]],
    tensors: dict[str, torch.Tensor],
) -> StageResult:
    comparison = Comparison('mel stream', TOLERANCE)
    state = MelState(log_mel.mel_bins)
    units = tiled_units(recorded_audio(vectors, 'speech'), len(calls))
    for call, unit in zip(calls, units):  # noqa: B905
        mel, label = log_mel.step(state, unit), f'call {call["chunk"]}'
        comparison.equal(f'{label} frames', mel.shape[1], call['frames'])
        comparison.add(f'{label} mean', mel.mean(), call['mean'])
        comparison.add(f'{label} largest', mel.abs().max(), call['absmax'])
        expected = tensors.get(f'stream.{call["chunk"]}')
        if expected is not None:
            comparison.add(label, mel, expected)
    return comparison.result()
