# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Layers that both generations of the vocoder are built of."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.speech.token2wav_config import VocoderConfig
from minicpmo.speech.weight_norm import weight_normed


class PaddedConv(nn.Conv1d):
    """Convolution of stride 1 that keeps the length; padded on both sides, or one only."""

    def __init__(
        self, width_in: int, width_out: int, kernel: int, dilation: int = 1, side: str = 'both'
    ) -> None:
        super().__init__(width_in, width_out, kernel, dilation=dilation)
        span = (kernel - 1) * dilation
        self.sides = {'both': (span // 2, span // 2), 'left': (span, 0), 'right': (0, span)}[side]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, width out, n] for [batch, width in, n]."""
        return super().forward(F.pad(x, self.sides))


class CausalUpsampler(nn.Conv1d):
    """Repeats every column ``rate`` times and smooths causally."""

    def __init__(self, width_in: int, width_out: int, kernel: int, rate: int) -> None:
        super().__init__(width_in, width_out, kernel)
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, width out, rate * n] for [batch, width in, n]."""
        x = x.repeat_interleave(self.rate, dim=2)
        return super().forward(F.pad(x, (self.kernel_size[0] - 1, 0)))


class CausalDownsampler(nn.Conv1d):
    """Strided convolution that looks only back."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, width out, (n - 1) // stride] for [batch, width in, n]."""
        return super().forward(F.pad(x, (self.stride[0] - 1, 0)))


class Snake(nn.Module):
    """x + sin^2(alpha x) / alpha with one alpha per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the activated channels [batch, width, n]."""
        alpha = self.alpha[:, None]
        return x + (1.0 / (alpha + 1e-9)) * torch.sin(x * alpha).pow(2)


class ResidualBlock(nn.Module):
    """Pairs of snake-activated convolutions with growing dilation."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...], side: str) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            weight_normed(PaddedConv(width, width, kernel, dilation, side))
            for dilation in dilations
        )
        self.convs2 = nn.ModuleList(
            weight_normed(PaddedConv(width, width, kernel, 1, side)) for _ in dilations
        )
        self.activations1 = nn.ModuleList(Snake(width) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(width) for _ in dilations)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, width, n]."""
        layers = zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True)
        for first, conv1, second, conv2 in layers:
            x = x + conv2(second(conv1(first(x))))
        return x


class PitchPredictor(nn.Module):
    """Fundamental frequency of each mel frame [Hz]."""

    def __init__(
        self, config: VocoderConfig, kernels: tuple[int, ...], sides: tuple[str, ...]
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = config.in_channels
        for kernel, side in zip(kernels, sides, strict=True):
            layers.append(weight_normed(PaddedConv(width_in, config.f0_channels, kernel, 1, side)))
            layers.append(nn.ELU())
            width_in = config.f0_channels
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(config.f0_channels, 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Return [frames] for mel [1, channels, frames]."""
        return self.classifier(self.condnet(mel)[0].T)[:, 0].abs()


class SourceMixer(nn.Module):
    """Mixes the harmonics into one excitation signal (``m_source``)."""

    def __init__(self, harmonics: int) -> None:
        super().__init__()
        self.l_linear = nn.Linear(harmonics, 1)

    def forward(self, harmonics: torch.Tensor) -> torch.Tensor:
        """Return [samples] for [samples, harmonics]."""
        return torch.tanh(self.l_linear(harmonics))[:, 0]
