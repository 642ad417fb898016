# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Network of the HiFT vocoder: pitch, harmonic source and mel to samples, both generations."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.speech.spectrum import Spectrum
from minicpmo.speech.token2wav_config import VocoderConfig
from minicpmo.speech.vocoder_block import (
    CausalDownsampler,
    CausalUpsampler,
    PaddedConv,
    PitchPredictor,
    ResidualBlock,
    SourceMixer,
)
from minicpmo.speech.weight_norm import fold_weight_norm, weight_normed

CONV_PRE_KERNEL = 7
CONV_POST_KERNEL = 7
PITCH_KERNELS = (3, 3, 3, 3, 3)
CAUSAL_PITCH_KERNELS = (4, 3, 3, 3, 3)
CAUSAL_PITCH_SIDES = ('right', 'left', 'left', 'left', 'left')


class HiFT(nn.Module):
    """Layers with the official parameter names; ``causal`` selects the newer generation."""

    def __init__(self, config: VocoderConfig, causal: bool) -> None:
        super().__init__()
        self.config = config
        width, side = config.base_channels, 'left' if causal else 'both'
        widths = [width >> (i + 1) for i in range(len(config.upsample_rates))]
        self.m_source = SourceMixer(config.nb_harmonics + 1)
        if causal:
            self.f0_predictor = PitchPredictor(config, CAUSAL_PITCH_KERNELS, CAUSAL_PITCH_SIDES)
            kernel = config.conv_pre_look_right + 1
            self.conv_pre = weight_normed(
                PaddedConv(config.in_channels, width, kernel, 1, 'right')
            )
        else:
            self.f0_predictor = PitchPredictor(config, PITCH_KERNELS, ('both',) * 5)
            self.conv_pre = weight_normed(PaddedConv(config.in_channels, width, CONV_PRE_KERNEL))
        self.ups = _upsamplers(config, causal)
        self.source_downs = _downsamplers(config, widths, causal)
        self.source_resblocks = nn.ModuleList(
            ResidualBlock(wide, kernel, config.dilations, side)
            for wide, kernel in zip(widths, config.source_resblock_kernel_sizes, strict=True)
        )
        self.resblocks = nn.ModuleList(
            ResidualBlock(wide, kernel, config.dilations, side)
            for wide in widths
            for kernel in config.resblock_kernel_sizes
        )
        bins = config.istft_n_fft + 2
        self.conv_post = weight_normed(PaddedConv(widths[-1], bins, CONV_POST_KERNEL, 1, side))
        self.spectrum = Spectrum(config.istft_n_fft, config.istft_hop)

    def prepare(self) -> HiFT:
        """Fold the weight norm; call once after loading."""
        fold_weight_norm(self)
        return self

    def excitation(
        self, phase: torch.Tensor, voiced: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """Return the source [samples] for phases [samples, harmonics] in radians.

        voiced: 1 or 0, [samples, 1]; noise: [samples, harmonics], of unit scale.
        """
        config = self.config
        level = voiced * config.nsf_sigma + (1 - voiced) * config.nsf_alpha / 3
        return self.m_source(phase.sin() * config.nsf_alpha * voiced + level * noise)

    def turns(self, pitch: torch.Tensor) -> torch.Tensor:
        """Return the advance per sample of each harmonic in turns, [frames, harmonics]."""
        harmonics = self.config.nb_harmonics + 1
        order = torch.arange(1, harmonics + 1, device=pitch.device, dtype=pitch.dtype)
        return (pitch[:, None] * order / self.config.sampling_rate) % 1

    def voiced(self, pitch: torch.Tensor) -> torch.Tensor:
        """Return 1 for every sample of a voiced frame and 0 otherwise, float32 [samples, 1]."""
        voiced = (pitch > self.config.nsf_voiced_threshold).float()[:, None]
        return voiced.repeat_interleave(self.config.samples_per_frame, dim=0)

    def samples(self, x: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Return samples for the states behind ``conv_pre`` and the source's spectrum.

        x: [1, width, frames]; columns: [1, bins, 120 * frames + 1]; result: [480 * frames].
        """
        config, count = self.config, len(self.config.resblock_kernel_sizes)
        for i, upsample in enumerate(self.ups):
            x = upsample(F.leaky_relu(x, config.lrelu_slope))
            if i == len(self.ups) - 1:
                x = F.pad(x, (1, 0), mode='reflect')
            x = x + self.source_resblocks[i](self.source_downs[i](columns))
            blocks = self.resblocks[i * count : (i + 1) * count]
            x = sum(block(x) for block in blocks) / count
        samples = self.spectrum.inverse(self.conv_post(F.leaky_relu(x)))
        return samples.clamp(-config.audio_limit, config.audio_limit)


def _upsamplers(config: VocoderConfig, causal: bool) -> nn.ModuleList:
    stages = nn.ModuleList()
    sizes = zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True)
    for i, (rate, kernel) in enumerate(sizes):
        wide, narrow = config.base_channels >> i, config.base_channels >> (i + 1)
        if causal:
            layer: nn.Module = CausalUpsampler(wide, narrow, kernel, rate)
        else:
            padding = (kernel - rate) // 2
            layer = nn.ConvTranspose1d(wide, narrow, kernel, rate, padding)
        stages.append(weight_normed(layer))
    return stages


def _downsamplers(config: VocoderConfig, widths: list[int], causal: bool) -> nn.ModuleList:
    """Return the convolutions from the source's spectrum to the rate of each stage."""
    stages, bins = nn.ModuleList(), config.istft_n_fft + 2
    for i, width in enumerate(widths):
        rate = math.prod(config.upsample_rates[i + 1 :])
        if rate == 1:
            stages.append(nn.Conv1d(bins, width, 1))
        elif causal:
            stages.append(CausalDownsampler(bins, width, 2 * rate, rate))
        else:
            stages.append(nn.Conv1d(bins, width, 2 * rate, rate, padding=rate // 2))
    return stages
