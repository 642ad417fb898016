# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory a model and its sessions will take, known before anything is allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Optional

import torch

from minicpmo.config import AudioConfig, LanguageConfig, ModelConfig, SpeechConfig, VisionConfig
from minicpmo.errors import ConfigurationError
from minicpmo.speech.token2wav_config import Token2WavConfig

GIB = 1 << 30
PART_NAMES = {
    'llm': 'language model',
    'vpm': 'vision tower',
    'resampler': 'resampler',
    'apm': 'audio encoder',
    'audio_projection_layer': 'audio projection',
    'tts': 'speech decoder',
}
TOKEN2WAV_PARAMETERS = 176_623_647
"""Flow and vocoder of the release; they always compute in float32."""
TOKEN2WAV_FRAMES = 1000
"""Longest context of the flow: prompt, carried over and new frames."""
UNIT_ROWS = 1024
"""Rows of the largest unit: ten picture pieces and an answer."""
CUDA_RUNTIME_BYTES = 700 << 20
"""Kernels, library handles and workspaces of a CUDA process."""
_FLOAT32 = 4


@dataclass(frozen=True)
class MemoryItem:
    """One line of the table.

    kind: 'weights', 'cache' (per session) or 'peak' (work space, the largest counts).
    """

    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class MemoryPlan:
    """Everything that will be allocated on one device."""

    items: tuple[MemoryItem, ...]
    sessions: int = 1

    @property
    def weights(self) -> int:
        """Return the bytes of all weights."""
        return sum(item.size for item in self.items if item.kind == 'weights')

    @property
    def caches(self) -> int:
        """Return the bytes of the caches of all sessions."""
        return self.sessions * sum(item.size for item in self.items if item.kind == 'cache')

    @property
    def work_space(self) -> int:
        """Return the bytes of the largest stage; stages do not run at the same time."""
        return max((item.size for item in self.items if item.kind == 'peak'), default=0)

    @property
    def total(self) -> int:
        """Return the largest number of bytes in use at any time."""
        return self.weights + self.caches + self.work_space

    def table(self) -> str:
        """Return one line per item and the sums [MiB]."""
        rows = [(f'{item.kind}: {item.name}', item.size) for item in self.items]
        rows += [
            ('all weights', self.weights),
            (f'caches of {self.sessions} session(s)', self.caches),
            ('work space', self.work_space),
            ('total', self.total),
        ]
        width = max(len(name) for name, _ in rows)
        return '\n'.join(f'{name:<{width}} {size / (1 << 20):10.1f} MiB' for name, size in rows)

    def require_fit(self, available: int) -> None:
        """Raise ConfigurationError with the table and what to change if it does not fit."""
        if self.total <= available:
            return
        raise ConfigurationError(
            f'the model needs {self.total / GIB:.1f} GiB, {available / GIB:.1f} GiB are free; '
            'use dtype bfloat16, leave out parts (vision, audio, speech), lower context_tokens '
            f'or the number of sessions\n{self.table()}'
        )


def plan_memory(
    config: ModelConfig,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: torch.dtype,
    context_tokens: int = 8192,
    sessions: int = 1,
    device_type: str = 'cpu',
) -> MemoryPlan:
    """Return the plan; nothing is allocated.

    Args:
        config: sizes.
        shapes: all tensors by official name, see :func:`minicpmo.checkpoint.expected_shapes`.
        dtype: type of weights and caches.
        context_tokens: size of the key/value cache of one session.
        sessions: conversations at the same time.
        device_type: 'cpu' or 'cuda'.
    """
    size = dtype.itemsize
    items = _weight_items(shapes, size) + _language_items(config.llm, context_tokens, size)
    if config.vision is not None:
        peak = _vision_peak(config, config.vision, size, device_type)
        items.append(MemoryItem('vision', 'peak', peak))
    if config.audio is not None:
        items.append(MemoryItem('audio encoder', 'cache', _audio_cache(config.audio) * size))
        items.append(MemoryItem('log-mel stream', 'cache', 500_000 * _FLOAT32))
    if config.speech is not None:
        items += _speech_items(config.speech, size)
    if device_type == 'cuda':
        items.append(MemoryItem('CUDA runtime', 'weights', CUDA_RUNTIME_BYTES))
    kinds = ('weights', 'cache', 'peak')
    return MemoryPlan(tuple(sorted(items, key=lambda item: kinds.index(item.kind))), sessions)


def available_memory(device: torch.device) -> int:
    """Return the bytes that are free on ``device`` now."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    free = _meminfo_available()
    limit = _container_room()
    return free if limit is None else min(free, limit)


def _weight_items(shapes: Mapping[str, tuple[int, ...]], size: int) -> list[MemoryItem]:
    counts = dict.fromkeys(PART_NAMES, 0)
    for name, shape in shapes.items():
        part = name.split('.', 1)[0]
        counts[part] = counts.get(part, 0) + prod(shape)
    return [
        MemoryItem(PART_NAMES.get(part, part), 'weights', count * size)
        for part, count in counts.items()
        if count
    ]


def _language_items(config: LanguageConfig, tokens: int, size: int) -> list[MemoryItem]:
    rows_per_token = 2 * config.num_hidden_layers * config.num_key_value_heads
    rows = min(UNIT_ROWS, tokens)
    layer = rows * (3 * config.intermediate_size + 6 * config.hidden_size) * size
    chooser = 8 * config.vocab_size * _FLOAT32
    return [
        MemoryItem('keys and values', 'cache', rows_per_token * config.head_dim * tokens * size),
        MemoryItem('language model', 'peak', layer + chooser),
    ]


def _vision_peak(config: ModelConfig, vision: VisionConfig, size: int, device_type: str) -> int:
    """Return the bytes of one layer's intermediate results for the largest batch."""
    slices = min(config.slicing.max_slice_nums + 1, config.vision_batch_size)
    # Slices that are not square have up to 5 % more patches.
    patches = int(1.05 * (config.slicing.scale_resolution / vision.patch_size) ** 2)
    rows = slices * patches
    scores = rows * patches * vision.num_attention_heads * _FLOAT32
    tower = rows * (2 * vision.intermediate_size + 8 * vision.hidden_size) * size
    projected = 4 * rows * config.llm.hidden_size * size
    # Fused attention on CUDA never holds the scores.
    return tower + projected + (0 if device_type == 'cuda' else scores)


def _audio_cache(config: AudioConfig) -> int:
    return 2 * config.encoder_layers * config.d_model * config.max_source_positions


def _speech_items(config: SpeechConfig, size: int) -> list[MemoryItem]:
    cache = 2 * config.num_hidden_layers * config.hidden_size * config.max_position_embeddings
    flow, estimator = Token2WavConfig().flow, Token2WavConfig().flow.estimator
    width = 2 * estimator.head_dim * estimator.num_heads
    frames = 2 * flow.n_timesteps * estimator.depth * TOKEN2WAV_FRAMES * width * _FLOAT32
    return [
        MemoryItem('flow and vocoder', 'weights', TOKEN2WAV_PARAMETERS * _FLOAT32),
        MemoryItem('speech decoder', 'cache', cache * size),
        MemoryItem('flow and vocoder', 'cache', frames),
    ]


def _meminfo_available() -> int:
    for line in Path('/proc/meminfo').read_text(encoding='ascii').splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) * 1024
    raise ConfigurationError('/proc/meminfo has no MemAvailable; this needs Linux 3.14 or newer')


def _container_room() -> Optional[int]:
    """Return what the control group still allows, None where there is no limit."""
    folder = Path('/sys/fs/cgroup')
    try:
        limit = (folder / 'memory.max').read_text(encoding='ascii').strip()
        used = (folder / 'memory.current').read_text(encoding='ascii').strip()
    except OSError:
        return None
    return None if limit == 'max' else max(int(limit) - int(used), 0)
