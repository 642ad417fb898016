# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Spectra of a reference clip from which a voice is prepared."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from minicpmo.mel import slaney_filterbank
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE, SAMPLE_RATE, SAMPLES_PER_FRAME

CLIP_RATE = 16000
"""Rate of the clip for codes and speaker [Hz]."""
FFT_SIZE, HOP = 400, 160
CODE_MEL_BINS = 128
PROMPT_MEL_BINS = 80
PROMPT_FFT_SIZE = 1920
FBANK_BINS = 80
FBANK_FFT_SIZE = 512
FBANK_LOWEST = 20.0
PREEMPHASIS = 0.97
QUANTISER_LEVELS = 3


def code_mel(clip: torch.Tensor) -> torch.Tensor:
    """Return the tokenizer's log-mel [128, n // 160] of a 16 kHz clip [n], dynamic floor."""
    window = torch.hann_window(FFT_SIZE, device=clip.device)
    spectrum = torch.stft(clip, FFT_SIZE, HOP, window=window, return_complex=True)
    power = spectrum[:, :-1].abs().square()
    bank = torch.from_numpy(slaney_filterbank(CODE_MEL_BINS)).to(clip)
    mel = (bank @ power).clamp(min=1e-10).log10()
    return (mel.maximum(mel.max() - 8.0) + 4.0) / 4.0


def prompt_mel(clip: torch.Tensor) -> torch.Tensor:
    """Return the vocoder's log-mel [frames, 80] of a 24 kHz clip [n], 50 frames a second."""
    margin = (PROMPT_FFT_SIZE - SAMPLES_PER_FRAME) // 2
    padded = F.pad(clip[None], (margin, margin), mode='reflect')[0]
    window = torch.hann_window(PROMPT_FFT_SIZE, device=clip.device)
    spectrum = torch.stft(
        padded,
        PROMPT_FFT_SIZE,
        SAMPLES_PER_FRAME,
        window=window,
        center=False,
        return_complex=True,
    )
    magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
    bank = slaney_filterbank(PROMPT_MEL_BINS, SAMPLE_RATE, PROMPT_FFT_SIZE)
    return (torch.from_numpy(bank).to(clip) @ magnitude).clamp(min=1e-5).log().T


def fitted_mel(mel: torch.Tensor, codes: int) -> torch.Tensor:
    """Return ``mel`` [frames, bins] with two frames per code, cropped or the last repeated."""
    frames = FRAMES_PER_CODE * codes
    missing = max(frames - len(mel), 0)
    return torch.cat((mel[:frames], mel[-1:].expand(missing, -1)))


def speaker_features(clip: torch.Tensor) -> torch.Tensor:
    """Return log filter-bank energies [frames, 80] of a 16 kHz clip [n], column means removed.

    Kaldi's rules: frames of 25 ms every 10 ms that lie inside the clip, mean removed, pre-emphasis
    0.97, Povey window, power spectrum of 512 points, triangles on the mel scale from 20 Hz.
    """
    frames = clip.unfold(0, FFT_SIZE, HOP)
    frames = frames - frames.mean(dim=1, keepdim=True)
    previous = torch.cat((frames[:, :1], frames[:, :-1]), dim=1)
    window = torch.hann_window(FFT_SIZE, periodic=False, device=clip.device).pow(0.85)
    spectrum = torch.fft.rfft((frames - PREEMPHASIS * previous) * window, FBANK_FFT_SIZE)
    energies = spectrum.abs().square()[:, :-1] @ _fbank_filters().to(clip).T
    logs = energies.clamp(min=torch.finfo(torch.float32).eps).log()
    return logs - logs.mean(dim=0)


def _fbank_filters() -> torch.Tensor:
    """Return triangles on Kaldi's mel scale, float32 [80, 256]."""
    lowest, highest = _kaldi_mel(FBANK_LOWEST), _kaldi_mel(CLIP_RATE / 2)
    width = (highest - lowest) / (FBANK_BINS + 1)
    left = (lowest + width * torch.arange(FBANK_BINS, dtype=torch.float64))[:, None]
    bin_hz = torch.arange(FBANK_FFT_SIZE // 2, dtype=torch.float64) * CLIP_RATE / FBANK_FFT_SIZE
    mel = 1127.0 * torch.log(1.0 + bin_hz / 700.0)
    rising, falling = (mel - left) / width, (left + 2 * width - mel) / width
    return torch.minimum(rising, falling).clamp(min=0.0).float()


def _kaldi_mel(frequency: float) -> float:
    return 1127.0 * math.log(1.0 + frequency / 700.0)


def quantised_codes(states: torch.Tensor) -> torch.Tensor:
    """Return the code of each state, int64 [n] for float [n, 8].

    Each of the eight values is squashed to -1, 0 or 1 and is one base-3 digit, lowest first.
    """
    digits = ((states.tanh().clamp(-1, 1) + 1) * (QUANTISER_LEVELS - 1) / 2).round().long()
    weights = QUANTISER_LEVELS ** torch.arange(states.shape[-1], device=states.device)
    return (digits * weights).sum(-1)
