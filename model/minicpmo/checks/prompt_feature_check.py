# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Spectra of a reference clip against ``prompt_features.*``."""

from __future__ import annotations

from collections.abc import Iterator

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.speech.prompt_features import (
    CLIP_RATE,
    code_mel,
    fitted_mel,
    prompt_mel,
    speaker_features,
)
from minicpmo.speech.resample import resampled
from minicpmo.speech.token2wav_config import SAMPLE_RATE

TOLERANCE = 1e-3
"""Of logarithms: cells 80 dB below the loudest lie within float32 rounding of the FFT."""
SAMPLE_TOLERANCE = 1e-6
INT16_SCALE = 32768.0
MEL_STRIDE, SAMPLE_STRIDE, TAIL_FRAMES = 4, 7, 4


@stage(
    'prompt_features',
    needs=('prompt_features.json', 'prompt_features.safetensors', 'inputs/audio.safetensors'),
)
def check_prompt_features(vectors: Vectors) -> Iterator[StageResult]:
    """Compute all features of the recorded reference clip."""
    recorded = vectors.json('prompt_features.json')
    tensors = vectors.tensors('prompt_features.safetensors')
    clip = vectors.tensors('inputs/audio.safetensors')['ref_16k_i16'].float() / INT16_SCALE
    spectra = Comparison('prompt_features', TOLERANCE)

    mel = code_mel(clip)
    spectra.equal('tokenizer frames', mel.shape[1], recorded['s3_frames'])
    spectra.add('tokenizer mel', mel[:, ::MEL_STRIDE], tensors['s3_log_mel_every_4th_frame'])
    banks = speaker_features(clip)
    spectra.equal('speaker frames', len(banks), recorded['fbank_frames'])
    spectra.add('speaker', banks[::MEL_STRIDE], tensors['fbank_minus_mean_every_4th_frame'])

    wide = resampled(clip, CLIP_RATE, SAMPLE_RATE)
    mel = prompt_mel(wide)
    spectra.equal('prompt frames', len(mel), recorded['prompt_mel_frames'])
    mel = fitted_mel(mel, recorded['speech_tokens'])
    spectra.equal('fitted frames', len(mel), recorded['prompt_mel_frames_after_pad'])
    spectra.add('prompt mel', mel[::MEL_STRIDE], tensors['prompt_mel_every_4th_frame'])
    spectra.add('prompt end', mel[-TAIL_FRAMES:], tensors['prompt_mel_last4_after_pad'])
    yield spectra.result()

    samples = Comparison('prompt_features resampled', SAMPLE_TOLERANCE)
    samples.equal('samples', len(wide), recorded['samples_24k'])
    samples.add('24 kHz', wide[::SAMPLE_STRIDE], tensors['resampled_24k_every_7th'])
    yield samples.result()
