# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log-mel spectrum of 16 kHz sound, for whole clips and as an exact endless stream.

The official code recomputes up to 30 s of spectrum for every second of sound. Here each second
costs 101 new frames: a frame changes only while its window touches an end of the buffer, and all
that the floor needs of the older ones is their maximum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import math

import numpy as np
import torch
import torch.nn.functional as F

from minicpmo.audio_input import SHORTEST_CLIP, UNIT_SAMPLES, require_clip, require_unit_audio
from minicpmo.errors import InputError

SAMPLE_RATE = 16000
FFT_SIZE = 400
HOP = 160
HALF_WINDOW = FFT_SIZE // 2
CLIP_SAMPLES = 30 * SAMPLE_RATE
LOG_ZERO = -10.0
"""log10 of the smallest power; also the fixed floor."""
DYNAMIC_RANGE = 8.0
"""The dynamic floor lies this far below the loudest cell."""

FIRST_STEP_SAMPLES = 16480
"""1035 ms rounded down to whole hops."""
FIRST_STEP_PADDING = 560
"""Zeros in front of the first second, which make it 1035 ms long."""
PENDING_SAMPLES = 80
"""What rounding down leaves waiting for ever."""
SLIDE_LIMIT = 480000
SLIDE_SAMPLES = 160000
FIXED_FLOOR_SAMPLES = 80000
"""A stream shorter than this uses the fixed floor."""
CONTEXT_FRAMES = 2
"""Frames of real past and future around the hundred of a unit."""

EDGE_SAMPLES = 360
"""Samples at an end of the buffer that a mirrored frame can hear."""

_BUFFER_SAMPLES = SLIDE_LIMIT + UNIT_SAMPLES


def slaney_filterbank(
    mel_bins: int, sample_rate: int = SAMPLE_RATE, fft_size: int = FFT_SIZE
) -> np.ndarray:
    """Return triangular filters from 0 to 8 kHz, float64 [mel_bins, fft_size // 2 + 1].

    They are area-normalised; the scale is Slaney's: linear below 1 kHz, logarithmic above.
    """
    frequencies = np.linspace(0, sample_rate / 2, fft_size // 2 + 1)
    top = 15.0 + math.log(SAMPLE_RATE / 2 / 1000.0) * 27.0 / math.log(6.4)
    mels = np.linspace(0.0, top, mel_bins + 2)
    log_part = 1000.0 * np.exp(math.log(6.4) / 27.0 * (mels - 15.0))
    edges = np.where(mels >= 15.0, log_part, 200.0 * mels / 3.0)
    widths = np.diff(edges)
    slopes = edges[None] - frequencies[:, None]
    falling, rising = slopes[:, 2:] / widths[1:], -slopes[:, :-2] / widths[:-1]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))).T


@dataclass
class MelState:
    """The stream of one microphone; all arrays are sized once.

    samples: float32 [_BUFFER_SAMPLES], the buffer of which ``length`` samples are in use.
    frame_max: float32 [frames], loudest cell (log10) of every frame of the buffer.
    recent: float32 [mel_bins, 4], raw columns of the last final frames.
    pending: float32 [80], samples that wait for the next call.
    """

    mel_bins: int = 80
    length: int = 0
    samples: torch.Tensor = field(init=False)
    frame_max: torch.Tensor = field(init=False)
    recent: torch.Tensor = field(init=False)
    pending: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.samples = torch.zeros(_BUFFER_SAMPLES)
        self.frame_max = torch.zeros(_BUFFER_SAMPLES // HOP)
        self.recent = torch.zeros(self.mel_bins, 2 * CONTEXT_FRAMES)
        self.pending = torch.zeros(PENDING_SAMPLES)

    def reset(self) -> None:
        """Return to the state before the first unit."""
        self.length = 0

    @property
    def frames(self) -> int:
        """Return the number of frames of the buffer, the last one not final."""
        return self.length // HOP


class LogMel:
    """Computes log-mel spectra; holds constants only, so every stream may share one object."""

    def __init__(self, mel_bins: int = 80) -> None:
        self.mel_bins = mel_bins
        self._filters = torch.from_numpy(slaney_filterbank(mel_bins)).float()
        self._window = torch.hann_window(FFT_SIZE, device='cpu')

    def clip(self, samples: np.ndarray) -> torch.Tensor:
        """Return [mel_bins, ceil(n / 160)] of a clip; what exceeds 30 s is ignored.

        Raises:
            InputError: ``samples`` is not a usable clip, see :func:`require_clip`.
        """
        return self.batch(torch.tensor(require_clip(samples)[:CLIP_SAMPLES])[None])[0]

    def clip_pieces(self, samples: np.ndarray, longest: int = CLIP_SAMPLES) -> list[torch.Tensor]:
        """Return the spectra of a clip of any length, cut into pieces of ``longest`` samples.

        A rest too short for one embedding row is left out.

        Raises:
            InputError: ``samples`` is not a usable clip, see :func:`require_clip`.
        """
        pieces = torch.tensor(require_clip(samples)).split(longest)
        return [self.batch(piece[None])[0] for piece in pieces if len(piece) >= SHORTEST_CLIP]

    def batch(self, audio: torch.Tensor) -> torch.Tensor:
        """Return [batch, mel_bins, ceil(n / 160)] of clips [batch, n] of at most 30 s.

        Every clip gets the result it has alone, padded with zeros to 30 s; only frames that can
        hear it are computed. Shorter clips of a batch are padded with zeros by the caller. Runs
        on the device of ``audio``.
        """
        samples = audio.shape[-1]
        assert samples <= CLIP_SAMPLES
        # With a window of zeros behind it, the mirrored end of the official padding is silent.
        padded = F.pad(audio, (0, min(2 * FFT_SIZE, CLIP_SAMPLES - samples)))
        frames = padded.shape[-1] // HOP
        reflected = F.pad(padded, (HALF_WINDOW, HALF_WINDOW), mode='reflect')
        raw = self._log_power(reflected)[..., :frames]
        floor = raw.amax(dim=(-2, -1), keepdim=True) - DYNAMIC_RANGE
        return _scale(torch.maximum(raw, floor))[..., : math.ceil(samples / HOP)]

    def step(self, state: MelState, samples: np.ndarray) -> torch.Tensor:
        """Return the frames of one more second, [mel_bins, 102] at first, then [mel_bins, 104].

        All but the first result begin ``CONTEXT_FRAMES`` before the hundred frames of the unit.

        Raises:
            InputError: ``samples`` is not float32 [16000] and finite; the state is unchanged.
        """
        unit = torch.tensor(require_unit_audio(samples))
        if state.length == 0:
            final = raw = self._begin(state, unit)
        else:
            raw = self._continue(state, unit)
            final = torch.cat((state.recent, raw), dim=1)
        # The last column still hears the mirrored end of the buffer: it counts for the maximum
        # only and is computed again with the next second.
        final = final[:, :-1]
        state.recent.copy_(final[:, -2 * CONTEXT_FRAMES :])
        if state.length >= SLIDE_LIMIT:
            self._slide(state)
        return _scale(final.clamp(min=_stream_floor(state)))

    def stream(self, samples: np.ndarray) -> list[torch.Tensor]:
        """Return what :meth:`step` gives for every second of a whole number of seconds.

        Raises:
            InputError: ``samples`` is not whole seconds of finite float32.
        """
        if samples.shape[0] % UNIT_SAMPLES:
            raise InputError(
                f'audio has {samples.shape[0]} samples; pad it to a multiple of {UNIT_SAMPLES}'
            )
        state = MelState(self.mel_bins)
        return [self.step(state, unit) for unit in samples.reshape(-1, UNIT_SAMPLES)]

    def _log_power(self, padded: torch.Tensor) -> torch.Tensor:
        """Return log10 of the mel power of every whole window, [..., mel_bins, frames]."""
        window = self._window.to(padded.device)
        spectrum = torch.stft(
            padded, FFT_SIZE, HOP, window=window, center=False, return_complex=True
        )
        power = self._filters.to(padded.device) @ spectrum.abs() ** 2
        return power.clamp(min=10.0**LOG_ZERO).log10()

    def _begin(self, state: MelState, unit: torch.Tensor) -> torch.Tensor:
        """Store the first second; return its 103 raw columns."""
        taken = FIRST_STEP_SAMPLES - FIRST_STEP_PADDING
        state.samples[:FIRST_STEP_PADDING] = 0.0
        state.samples[FIRST_STEP_PADDING:FIRST_STEP_SAMPLES] = unit[:taken]
        state.pending.copy_(unit[taken:])
        state.length = FIRST_STEP_SAMPLES
        audio = state.samples[:FIRST_STEP_SAMPLES]
        raw = self._log_power(torch.cat((_mirrored_start(audio), audio, _mirrored_end(audio))))
        state.frame_max[: state.frames] = raw.amax(dim=0)
        return raw

    def _continue(self, state: MelState, unit: torch.Tensor) -> torch.Tensor:
        """Store one more second; return the 101 raw columns it makes final or new."""
        state.samples[state.length : state.length + UNIT_SAMPLES] = torch.cat(
            (state.pending, unit[:-PENDING_SAMPLES])
        )
        state.pending.copy_(unit[-PENDING_SAMPLES:])
        state.length += UNIT_SAMPLES
        audio = state.samples[state.length - UNIT_SAMPLES - EDGE_SAMPLES : state.length]
        raw = self._log_power(torch.cat((audio, _mirrored_end(audio))))
        state.frame_max[state.frames - raw.shape[1] : state.frames] = raw.amax(dim=0)
        return raw

    def _slide(self, state: MelState) -> None:
        """Forget the oldest ten seconds; two frames now hear the mirrored new start."""
        kept = state.length - SLIDE_SAMPLES
        state.samples[:kept] = state.samples[SLIDE_SAMPLES : state.length].clone()
        dropped, frames = SLIDE_SAMPLES // HOP, state.frames
        state.frame_max[: frames - dropped] = state.frame_max[dropped:frames].clone()
        state.length = kept
        start = state.samples[:EDGE_SAMPLES]
        edge = self._log_power(torch.cat((_mirrored_start(start), start)))
        state.frame_max[: edge.shape[1]] = edge.amax(dim=0)


def _stream_floor(state: MelState) -> float:
    if state.length < FIXED_FLOOR_SAMPLES:
        return LOG_ZERO
    return float(state.frame_max[: state.frames].max()) - DYNAMIC_RANGE


def _mirrored_start(audio: torch.Tensor) -> torch.Tensor:
    return audio[1 : HALF_WINDOW + 1].flip(0)


def _mirrored_end(audio: torch.Tensor) -> torch.Tensor:
    """Return what the last counted frame needs beyond the end."""
    return audio[-1 - (HALF_WINDOW - HOP) : -1].flip(0)


def _scale(log_power: torch.Tensor) -> torch.Tensor:
    return (log_power + 4.0) / 4.0
