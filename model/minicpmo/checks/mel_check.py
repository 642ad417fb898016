# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel of clips and of an endless stream against ``mel.*``.

Where the processor selects the Fourier kernels that made the recording (Intel MKL with AVX-512),
the spectra are equal bit by bit. Other kernels round differently, and the logarithm magnifies
that in cells far below the loudness of their own frame. Such a cell may exceed the tolerance by
the rounding of a float32 transform and no more; these cells are counted in the printed line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import math
import re
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.checks.vision_check import every
from minicpmo.config import ModelConfig
from minicpmo.mel import (
    CLIP_SAMPLES,
    CONTEXT_FRAMES,
    FFT_SIZE,
    FIRST_STEP_PADDING,
    HOP,
    LOG_ZERO,
    SAMPLE_RATE,
    LogMel,
    MelState,
    slaney_filterbank,
)

TOLERANCE = 1e-5


def recorded_audio(vectors: Vectors, name: str) -> np.ndarray:
    """Return ``ref`` or ``speech`` of the inputs as float32 [samples] in [-1, 1]."""
    stored = vectors.tensors('inputs/audio.safetensors')[f'{name}_16k_i16']
    return (stored.float() / 32768.0).numpy()


def tiled_units(audio: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` seconds of ``audio`` repeated end to end, [count, 16000]."""
    return np.resize(audio, count * SAMPLE_RATE).reshape(count, SAMPLE_RATE)


def rounding_bound(audio: np.ndarray, mel_bins: int) -> torch.Tensor:
    """Return how far rounding inside a float32 transform can move a log-mel cell.

    float64 [mel_bins, frames]; frames as in an unpadded clip. A transform of n points errs by at
    most about 2^-24 * log2(n) * |windowed frame| in every bin; this is carried to first order
    through power, filter, logarithm and scaling.
    """
    reach = FFT_SIZE // 2
    padded = F.pad(torch.from_numpy(audio).double()[None], (reach, reach), mode='reflect')[0]
    window = torch.hann_window(FFT_SIZE, dtype=torch.float64)
    windowed = padded.unfold(0, FFT_SIZE, HOP) * window
    filters = torch.from_numpy(slaney_filterbank(mel_bins))
    power = (torch.fft.rfft(windowed).abs().square() @ filters.T).clamp(min=10.0**LOG_ZERO)
    error = 2.0**-24 * math.log2(FFT_SIZE) * windowed.norm(dim=1)
    relative = error[:, None] * (filters.sum(1) / power).sqrt()
    return (relative / (2.0 * math.log(10.0))).T


class MelComparison:
    """A :class:`Comparison` that knows how much a transform may round."""

    def __init__(self, name: str) -> None:
        self.exact = Comparison(name, TOLERANCE)
        self.rounded, self.largest = 0, 0.0

    def add(
        self, label: str, actual: torch.Tensor, expected: torch.Tensor, bound: torch.Tensor
    ) -> None:
        """Compare [mel bins, frames]; ``bound`` is that of :func:`rounding_bound`."""
        if actual.shape == expected.shape:
            error = (actual.double() - expected.double()).abs()
            excused = (error > TOLERANCE) & (error <= TOLERANCE + bound)
            self.rounded += int(excused.sum())
            self.largest = max(self.largest, float(torch.where(excused, error, 0.0).max()))
            actual = torch.where(excused, expected, actual)
        self.exact.add(label, actual, expected)

    def result(self) -> StageResult:
        """Return the line, with the number of cells that only rounding explains."""
        result = self.exact.result()
        if not self.rounded:
            return result
        note = f'{self.rounded} cells up to {self.largest:.1e} by another Fourier kernel'
        return replace(result, detail=f'{result.detail}; {note}')


@stage('mel', needs=('mel.json', 'mel.safetensors', 'inputs/audio.safetensors'))
@torch.inference_mode()
def check_mel(vectors: Vectors) -> Iterator[StageResult]:
    """Transform the recorded clips, then the stream with its slides and floors."""
    config = ModelConfig.from_dict(vectors.config['model'])
    assert config.audio is not None
    log_mel = LogMel(config.audio.num_mel_bins)
    recorded, tensors = vectors.json('mel.json'), vectors.tensors('mel.safetensors')
    clips = MelComparison('mel clips')
    for case in recorded['offline']:
        _check_clip(clips, log_mel, vectors, case, tensors)
    yield clips.result()
    yield _check_stream(log_mel, vectors, recorded['stream'], tensors)


def _check_clip(
    comparison: MelComparison,
    log_mel: LogMel,
    vectors: Vectors,
    case: dict[str, Any],
    tensors: dict[str, torch.Tensor],
) -> None:
    audio = _source(vectors, case['source'])
    pieces = log_mel.clip_pieces(audio)
    lengths = case.get('lens', [case.get('frames')])
    frames = [mel.shape[1] for mel in pieces]
    comparison.exact.equal(f'{case["name"]} frames', frames, lengths)
    last = audio[CLIP_SAMPLES * (len(pieces) - 1) :]
    silent_end = np.concatenate((last, np.zeros(FFT_SIZE, dtype=np.float32)))
    bound = rounding_bound(silent_end, log_mel.mel_bins)[:, : frames[-1]]
    for suffix in ('', '_tail'):
        expected = tensors.get(f'offline.{case["name"]}{suffix}')
        if expected is not None:
            kept = every(bound, expected, 1)
            comparison.add(case['name'], every(pieces[-1], expected, 1), expected, kept)


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
    comparison = MelComparison('mel stream')
    state = MelState(log_mel.mel_bins)
    units = tiled_units(recorded_audio(vectors, 'speech'), len(calls))
    silence = np.zeros(FIRST_STEP_PADDING, dtype=np.float32)
    bound = rounding_bound(np.concatenate((silence, units.reshape(-1))), log_mel.mel_bins)
    start = 0
    for call, unit in zip(calls, units, strict=True):
        mel, label = log_mel.step(state, unit), f'call {call["chunk"]}'
        comparison.exact.equal(f'{label} frames', mel.shape[1], call['frames'])
        comparison.exact.add(f'{label} mean', mel.mean(), call['mean'])
        comparison.exact.add(f'{label} largest', mel.abs().max(), call['absmax'])
        expected = tensors.get(f'stream.{call["chunk"]}')
        if expected is not None:
            kept = bound[:, start : start + mel.shape[1]]
            comparison.add(label, mel, expected, kept)
        start += mel.shape[1] - 2 * CONTEXT_FRAMES
    return comparison.result()
