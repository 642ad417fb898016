# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of flow and vocoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import prod
from typing import Any

from minicpmo.errors import ConfigurationError

SILENCE_CODE = 4218
"""Speech code of silence; fills the vocoder's look-ahead where nothing is known yet."""
LOOKAHEAD_CODES = 3
"""Codes the flow encoder must see beyond the last one it turns into sound."""
FRAMES_PER_CODE = 2
FULL_CALL_FRAMES = 50
"""Mel frames of a call in the middle of a turn: one second."""
SAMPLES_PER_FRAME = 480
SAMPLE_RATE = 24000


@dataclass(frozen=True)
class EncoderConfig:
    """Conformer encoder: ``num_blocks`` at code rate, ``num_up_blocks`` at mel rate."""

    output_size: int = 512
    attention_heads: int = 8
    linear_units: int = 2048
    num_blocks: int = 6
    num_up_blocks: int = 4


@dataclass(frozen=True)
class EstimatorConfig:
    """Diffusion transformer of the flow."""

    in_channels: int = 320
    out_channels: int = 80
    hidden_size: int = 512
    num_heads: int = 8
    head_dim: int = 64
    depth: int = 16
    mlp_ratio: float = 4.0


@dataclass(frozen=True)
class FlowConfig:
    """Flow-matching decoder from speech codes to mel."""

    vocab_size: int = 6561
    input_size: int = 512
    output_size: int = 80
    spk_embed_dim: int = 192
    inference_cfg_rate: float = 0.7
    n_timesteps: int = 5
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    estimator: EstimatorConfig = field(default_factory=EstimatorConfig)


@dataclass(frozen=True)
class VocoderConfig:
    """HiFT vocoder from mel to sound, both generations."""

    in_channels: int = 80
    base_channels: int = 512
    f0_channels: int = 512
    nb_harmonics: int = 8
    sampling_rate: int = SAMPLE_RATE
    upsample_rates: tuple[int, ...] = (8, 5, 3)
    upsample_kernel_sizes: tuple[int, ...] = (16, 11, 7)
    istft_n_fft: int = 16
    istft_hop: int = 4
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    source_resblock_kernel_sizes: tuple[int, ...] = (7, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    lrelu_slope: float = 0.1
    audio_limit: float = 0.99
    nsf_alpha: float = 0.1
    nsf_sigma: float = 0.003
    nsf_voiced_threshold: float = 10
    conv_pre_look_right: int = 4

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a frame length the streaming code does not know."""
        if self.samples_per_frame != SAMPLES_PER_FRAME or self.sampling_rate != SAMPLE_RATE:
            raise ConfigurationError(
                f'vocoder with {self.samples_per_frame} samples per frame at '
                f'{self.sampling_rate} Hz; this engine knows {SAMPLES_PER_FRAME} at {SAMPLE_RATE}'
            )

    @property
    def columns_per_frame(self) -> int:
        """Return the spectrum columns of one mel frame."""
        return prod(self.upsample_rates)

    @property
    def samples_per_frame(self) -> int:
        """Return the samples of one mel frame."""
        return self.columns_per_frame * self.istft_hop


@dataclass(frozen=True)
class Token2WavConfig:
    """Flow and vocoder; the defaults are those of the released assets."""

    flow: FlowConfig = field(default_factory=FlowConfig)
    hift: VocoderConfig = field(default_factory=VocoderConfig)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Token2WavConfig:
        """Return the configuration stored as nested mappings 'flow' and 'hift'."""
        flow = dict(data.get('flow', {}))
        flow['encoder'] = _read(EncoderConfig, flow.get('encoder', {}))
        flow['estimator'] = _read(EstimatorConfig, flow.get('estimator', {}))
        hift = dict(data.get('hift', {}))
        istft = hift.pop('istft', {})
        hift.update(
            {f'istft_{key}': istft[name] for key, name in _ISTFT_NAMES.items() if name in istft}
        )
        return cls(_read(FlowConfig, flow), _read(VocoderConfig, hift))


_ISTFT_NAMES = {'n_fft': 'n_fft', 'hop': 'hop_len'}


def _read(kind: type, data: Mapping[str, Any]) -> Any:
    names = {spec.name for spec in fields(kind)}
    values = {name: value for name, value in data.items() if name in names}
    return kind(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})
