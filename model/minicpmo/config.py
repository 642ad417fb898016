# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of a model, read strictly from the official ``config.json`` layout.

Fields carry the names of the official file. A part that is absent from the file is ``None``
(nano has no speech decoder); a missing field of a present part takes the value of the full model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
import json
from pathlib import Path
from typing import Any, Optional

from minicpmo.config_reader import (
    known_fields,
    read_fields,
    read_part,
    require,
    require_choice,
    require_heads,
    require_mapping,
)
from minicpmo.errors import CheckpointError, ConfigurationError

PARTS = ('vision', 'audio', 'speech')
SPEECH_ATTENTION_TYPES = ('full_attention', 'sliding_window', 'sliding_recompute', 'reindex')


@dataclass(frozen=True)
class LanguageConfig:
    """Qwen3 decoder (``llm.*``)."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int = 128
    rms_norm_eps: float = 1e-6
    rope_theta: float = 1e6
    max_position_embeddings: int = 40960
    hidden_act: str = 'silu'
    attention_bias: bool = False
    tie_word_embeddings: bool = False

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values the decoder cannot compute."""
        require_choice('hidden_act', self.hidden_act, ('silu',))
        require_choice('attention_bias', self.attention_bias, (False,))
        require_heads('num_attention_heads', self.num_attention_heads, self.num_key_value_heads)
        require(self.head_dim % 2 == 0, f'head_dim is {self.head_dim}; RoPE needs an even one')


@dataclass(frozen=True)
class VisionConfig:
    """SigLIP tower (``vpm.*``); ``num_hidden_layers`` is the configured, not the stored number."""

    hidden_size: int = 1152
    intermediate_size: int = 4304
    num_hidden_layers: int = 27
    num_attention_heads: int = 16
    patch_size: int = 14
    image_size: int = 980
    layer_norm_eps: float = 1e-6
    hidden_act: str = 'gelu_pytorch_tanh'

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values the tower cannot compute."""
        require_choice('vision_config.hidden_act', self.hidden_act, ('gelu_pytorch_tanh',))
        require_heads('vision_config', self.hidden_size, self.num_attention_heads)

    @property
    def patches_per_side(self) -> int:
        """Return the side of the learned position table [patches]."""
        return self.image_size // self.patch_size


@dataclass(frozen=True)
class AudioConfig:
    """Whisper-style encoder (``apm.*``)."""

    num_mel_bins: int = 80
    d_model: int = 1024
    encoder_layers: int = 24
    encoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    max_source_positions: int = 1500
    activation_function: str = 'gelu'

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values the encoder cannot compute."""
        name = 'audio_config.activation_function'
        require_choice(name, self.activation_function, ('gelu',))
        require_heads('audio_config', self.d_model, self.encoder_attention_heads)
        # One unit brings 52 frames before the context frames are dropped.
        require(
            self.max_source_positions > 102,
            f'audio_config.max_source_positions is {self.max_source_positions}; '
            'two units need at least 103',
        )


@dataclass(frozen=True)
class SpeechConfig:
    """Llama speech-token decoder (``tts.*``)."""

    llm_dim: int = 4096
    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 20
    num_attention_heads: int = 12
    num_key_value_heads: int = 12
    max_position_embeddings: int = 4096
    num_audio_tokens: int = 6562
    num_text_tokens: int = 152064
    num_vq: int = 1
    audio_bos_token_id: int = 151687
    text_eos_token_id: int = 151692
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    projector_type: str = 'mlp'
    condition_type: str = 'hidden_text_merge'
    backbone_model: str = 'llama'
    audio_tokenizer_type: str = 's3tokenizer_step_audio'
    normalize_projected_hidden: bool = True
    attention_type: str = 'sliding_recompute'
    streaming_sliding_window_audio_window_size: int = 300
    window_size: int = 2
    recomputed_chunks: int = 1

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values the speech decoder cannot compute."""
        require_choice('tts_config.projector_type', self.projector_type, ('mlp',))
        require_choice('tts_config.condition_type', self.condition_type, ('hidden_text_merge',))
        require_choice('tts_config.backbone_model', self.backbone_model, ('llama',))
        require_choice('tts_config.num_vq', self.num_vq, (1,))
        require_choice('tts_config.attention_type', self.attention_type, SPEECH_ATTENTION_TYPES)
        require_heads('tts_config', self.hidden_size, self.num_attention_heads)
        require_heads('tts_config', self.num_attention_heads, self.num_key_value_heads)

    @property
    def end_code(self) -> int:
        """Return the code that ends speech."""
        return self.num_audio_tokens - 1

    @property
    def head_dim(self) -> int:
        """Return the width of one attention head."""
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class SlicingConfig:
    """How a picture is cut into slices for the tower."""

    patch_size: int = 14
    max_slice_nums: int = 1
    scale_resolution: int = 448


@dataclass(frozen=True)
class ModelConfig:
    """Everything the engine needs to build the modules of one model."""

    llm: LanguageConfig
    vision: Optional[VisionConfig] = None
    audio: Optional[AudioConfig] = None
    speech: Optional[SpeechConfig] = None
    slicing: SlicingConfig = field(default_factory=SlicingConfig)
    query_num: int = 64
    drop_vision_last_layer: bool = True
    vision_batch_size: int = 16
    audio_pool_step: int = 5
    audio_chunk_length: float = 1.0

    def __post_init__(self) -> None:
        """Raise ConfigurationError where two parts contradict each other."""
        if self.vision is not None and self.vision.patch_size != self.slicing.patch_size:
            raise ConfigurationError(
                f'slice_config.patch_size {self.slicing.patch_size} differs from '
                f'vision_config.patch_size {self.vision.patch_size}; make them equal'
            )
        if self.speech is not None and self.speech.llm_dim != self.llm.hidden_size:
            raise ConfigurationError(
                f'tts_config.llm_dim {self.speech.llm_dim} differs from '
                f'hidden_size {self.llm.hidden_size}; make them equal'
            )

    @property
    def vision_layers(self) -> int:
        """Return the number of tower layers stored in the checkpoint."""
        assert self.vision is not None
        return self.vision.num_hidden_layers - int(self.drop_vision_last_layer)

    @property
    def resampler_heads(self) -> int:
        """Return the number of attention heads of the resampler."""
        return max(1, self.llm.hidden_size // 128)

    @property
    def audio_frames_per_unit(self) -> int:
        """Return the encoder frames of one second (two mel frames each)."""
        return 50

    @property
    def audio_rows_per_unit(self) -> int:
        """Return the embedding rows one second of audio becomes."""
        return (self.audio_frames_per_unit - self.audio_pool_step) // self.audio_pool_step + 1

    def without(self, *parts: str) -> ModelConfig:
        """Return the same configuration with ``parts`` (of PARTS) left out."""
        for part in parts:
            require_choice('part', part, PARTS)
        return replace(self, **dict.fromkeys(parts))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ModelConfig:
        """Return the configuration of an official ``config.json``; raise ConfigurationError."""
        require_mapping('config.json', data)
        top = {**data, **_rope(data)}
        top.setdefault('num_key_value_heads', data.get('num_attention_heads'))
        return cls(
            llm=read_fields(LanguageConfig, top, ''),
            vision=read_part(VisionConfig, data, 'vision_config', 'init_vision'),
            audio=read_part(AudioConfig, data, 'audio_config', 'init_audio'),
            speech=read_part(SpeechConfig, data, 'tts_config', 'init_tts'),
            slicing=read_fields(SlicingConfig, data.get('slice_config') or {}, 'slice_config.'),
            **known_fields(cls, data, ''),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the official layout, so that ``from_dict(to_dict())`` equals this object."""
        names = {'vision': 'vision_config', 'audio': 'audio_config', 'speech': 'tts_config'}
        data = asdict(self)
        parts = {names[part]: data.pop(part) for part in PARTS}
        slicing, llm = data.pop('slicing'), data.pop('llm')
        present = {name: part for name, part in parts.items() if part is not None}
        return {**llm, **data, 'slice_config': slicing, **present}

    @classmethod
    def from_folder(cls, folder: Path | str) -> ModelConfig:
        """Return the configuration of ``folder/config.json``; raise CheckpointError."""
        path = Path(folder) / 'config.json'
        try:
            data = json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError as error:
            raise CheckpointError(f'{path} does not exist; download the model again') from error
        except ValueError as error:
            raise CheckpointError(f'{path} is not JSON ({error}); download it again') from error
        # Recorded vectors keep the configuration beside that of the vocoder.
        return cls.from_dict(data.get('model', data) if isinstance(data, dict) else data)


def _rope(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return rope_theta from either layout; only plain rotation is known."""
    nested = data.get('rope_parameters') or data.get('rope_scaling') or {}
    require_mapping('rope_parameters', nested)
    kind = nested.get('rope_type', nested.get('type', 'default'))
    require_choice('rope_type', kind, ('default',))
    if data.get('use_sliding_window'):
        raise ConfigurationError('use_sliding_window is true; set it to false')
    return {'rope_theta': nested['rope_theta']} if 'rope_theta' in nested else {}
