# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory a model and its sessions will take, known before anything is allocated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import torch

from minicpmo.config import AudioConfig, ModelConfig, SpeechConfig, VisionConfig
from minicpmo.graph.language_graph import INPUT_ROWS
from minicpmo.host_table import host_tables
from minicpmo.quantization.conversion import tensor_formats
from minicpmo.quantization.quantizer import BLOCK_WEIGHTS, BYTES_PER_BLOCK_WEIGHT
from minicpmo.quantization.scheme import Quantization, TensorFormat, packed_bytes
from minicpmo.speech.token2wav_config import Token2WavConfig

PART_NAMES = {
    'llm': 'language model',
    'vpm': 'vision tower',
    'resampler': 'resampler',
    'apm': 'audio encoder',
    'audio_projection_layer': 'audio projection',
    'tts': 'speech decoder',
}
PART_PREFIXES = {
    'vision': ('vpm.', 'resampler.'),
    'audio': ('apm.', 'audio_projection_layer.'),
    'speech': ('tts.',),
}
TOKEN2WAV_PARAMETERS = 176_623_647
"""Flow and vocoder of the release; they always compute in float32."""
TOKEN2WAV_FRAMES = 1000
"""Longest context of the flow: voice, carried over and new frames."""
TURN_FRAMES = 156
"""Frames of a turn that the flow keeps besides the voice: carried over and new ones."""
UNIT_ROWS = 1024
"""Rows of the largest unit: ten picture pieces and an answer."""
VOCODER_BUFFERS = 16
"""Arrays of the vocoder's last stage that are there at once: branches, sources, padded copies."""
CUDA_RUNTIME_BYTES = 700 << 20
"""Kernels, library handles and workspaces of a CUDA process."""
BYTES_PER_ROUNDED_VALUE = 17
"""What is multiplied in eight bits: value, code, product and two scaled copies of it."""
_FLOAT32 = 4


Stored = TypeVar('Stored')
KINDS = ('weights', 'cache', 'graphs', 'peak', 'loading', 'runtime', 'host')
FREED = ('tts.projector_spk.', 'tts.model.embed_tokens.')
"""Tensors of the release that are freed as soon as they are read: nothing computes with them."""


@dataclass(frozen=True)
class MemoryItem:
    """One line of the table.

    kind: 'weights', 'cache' (per session), 'graphs' (what captured steps compute in), 'peak' (work
    space, the largest counts), 'loading' (all there is before caches and other parts are),
    'runtime' (what CUDA itself takes) or 'host' (not on the device at all).
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
        return self._sum('weights')

    @property
    def caches(self) -> int:
        """Return the bytes of the caches of all sessions."""
        return self.sessions * self._sum('cache')

    @property
    def work_space(self) -> int:
        """Return the bytes of the largest stage; stages do not run at the same time."""
        return max((item.size for item in self.items if item.kind == 'peak'), default=0)

    @property
    def host(self) -> int:
        """Return the bytes that stay in the memory of the host."""
        return self._sum('host')

    @property
    def allocated(self) -> int:
        """Return the largest number of bytes this program allocates at any time."""
        running = self.weights + self.caches + self._sum('graphs') + self.work_space
        return max(running, self._sum('loading'))

    @property
    def total(self) -> int:
        """Return ``allocated`` and what CUDA takes for itself."""
        return self.allocated + self._sum('runtime')

    def table(self) -> str:
        """Return one line per item and the sums [MiB]."""
        rows = [(f'{item.kind}: {item.name}', item.size) for item in self.items]
        rows += [
            ('all weights', self.weights),
            (f'caches of {self.sessions} session(s)', self.caches),
            ('work space', self.work_space),
            ('allocated by this program', self.allocated),
            ('total', self.total),
        ]
        width = max(len(name) for name, _ in rows)
        return '\n'.join(f'{name:<{width}} {size / (1 << 20):10.1f} MiB' for name, size in rows)

    def _sum(self, kind: str) -> int:
        return sum(item.size for item in self.items if item.kind == kind)


@dataclass(frozen=True)
class MemoryRequest:
    """What is going to be loaded.

    shapes: all tensors by official name, see :func:`minicpmo.checkpoint.expected_shapes`.
    dtype: of activations, caches and unquantised weights.
    context_tokens: size of the key/value cache of one session.
    sessions: conversations at the same time.
    device_type: 'cpu' or 'cuda'.
    voice_frames: mel frames of the voice that is imitated, 50 per second; at most 844.
    cuda_graphs: steps are captured, and keep what they compute in.
    offload: token tables and the imitated voice stay in host memory.
    shared_memory: host and device have one memory, so nothing is won by that.
    """

    config: ModelConfig
    shapes: Mapping[str, tuple[int, ...]]
    dtype: torch.dtype
    context_tokens: int = 8192
    sessions: int = 1
    device_type: str = 'cpu'
    quantization: Quantization = Quantization.NONE
    voice_frames: int = TOKEN2WAV_FRAMES - TURN_FRAMES
    cuda_graphs: bool = False
    offload: bool = False
    shared_memory: bool = False

    @property
    def saves_on_device(self) -> bool:
        """Return whether ``offload`` takes anything from the device."""
        return self.offload and self.device_type == 'cuda' and not self.shared_memory


def plan_memory(request: MemoryRequest) -> MemoryPlan:
    """Return the plan; nothing is allocated."""
    config, size = request.config, request.dtype.itemsize
    on_host = host_tables(request.shapes) if request.offload else []
    formats = tensor_formats(request.shapes, request.quantization, on_host)
    items = _weight_items(request, formats) + _loading_items(request, formats)
    items += _language_items(request)
    if config.vision is not None:
        peak = _vision_peak(config, config.vision, size, request.device_type)
        items.append(MemoryItem('vision', 'peak', peak))
    if config.audio is not None:
        items.append(MemoryItem('audio encoder', 'cache', _audio_cache(config.audio) * size))
        items.append(MemoryItem('log-mel stream', 'cache', 500_000 * _FLOAT32))
    if config.speech is not None:
        items += _speech_items(config.speech, request)
    if request.device_type == 'cuda':
        items.append(MemoryItem('CUDA runtime', 'runtime', CUDA_RUNTIME_BYTES))
        if request.cuda_graphs:
            items += _graph_items(request)
    return MemoryPlan(
        tuple(sorted(items, key=lambda item: KINDS.index(item.kind))), request.sessions
    )


def without_parts(tensors: Mapping[str, Stored], parts: Collection[str]) -> dict[str, Stored]:
    """Return what remains when the tensors of ``parts`` (of PARTS) are left out."""
    prefixes = tuple(prefix for part in parts for prefix in PART_PREFIXES[part])
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefixes)}


def _weight_items(request: MemoryRequest, formats: Mapping[str, TensorFormat]) -> list[MemoryItem]:
    sizes, tables = dict.fromkeys(PART_NAMES, 0), 0
    on_host = host_tables(request.shapes) if request.saves_on_device else []
    for name, shape in request.shapes.items():
        part = name.split('.', 1)[0]
        if name.startswith(FREED):
            continue
        if name in on_host:
            tables += prod(shape) * request.dtype.itemsize
            continue
        if name in formats:
            size = packed_bytes(shape, formats[name], request.dtype)
        else:
            size = prod(shape) * request.dtype.itemsize
        sizes[part] = sizes.get(part, 0) + size
    items = [
        MemoryItem(PART_NAMES.get(part, part), 'weights', size)
        for part, size in sizes.items()
        if size
    ]
    return [*items, MemoryItem('token tables', 'host', tables)] if tables else items


def _loading_items(
    request: MemoryRequest, formats: Mapping[str, TensorFormat]
) -> list[MemoryItem]:
    """Return what there is while the largest matrix is quantised, all others being there."""
    if not formats:
        return []
    packed = {
        name: packed_bytes(request.shapes[name], how, request.dtype)
        for name, how in formats.items()
    }
    largest = max(packed, key=lambda name: prod(request.shapes[name]))
    unquantized = prod(request.shapes[largest]) * request.dtype.itemsize
    block = BLOCK_WEIGHTS * BYTES_PER_BLOCK_WEIGHT
    # Its codes are there twice while its blocks are joined.
    size = sum(packed.values()) + packed[largest] + unquantized + block
    return [MemoryItem('quantising', 'loading', size)]


def _language_items(request: MemoryRequest) -> list[MemoryItem]:
    config, tokens = request.config.llm, request.context_tokens
    size = request.dtype.itemsize
    rows_per_token = 2 * config.num_hidden_layers * config.num_key_value_heads
    return [
        MemoryItem('keys and values', 'cache', rows_per_token * config.head_dim * tokens * size),
        MemoryItem('language model', 'peak', _language_scratch(request, UNIT_ROWS)),
    ]


def _language_scratch(request: MemoryRequest, rows: int) -> int:
    """Return the bytes in which one layer and a choice compute, for so many new rows."""
    config, size = request.config.llm, request.dtype.itemsize
    rows = min(rows, request.context_tokens)
    feed_forward = rows * (3 * config.intermediate_size + 2 * config.hidden_size) * size
    if request.quantization in (Quantization.INT8, Quantization.FP8):
        feed_forward += rows * config.intermediate_size * BYTES_PER_ROUNDED_VALUE
    # The mask of all heads that share keys, as truth values and as numbers that are added.
    group = config.num_attention_heads // config.num_key_value_heads
    mask = group * rows * request.context_tokens * (1 + size)
    attention = rows * 8 * config.hidden_size * size + mask
    return max(feed_forward, attention) + 8 * config.vocab_size * _FLOAT32


def _graph_items(request: MemoryRequest) -> list[MemoryItem]:
    """Return the scratch memory of captured steps: a pool per stream, as large as its largest.

    Pictures and inputs beyond the largest captured size run as they come.
    """
    items = [MemoryItem('language model', 'graphs', _language_scratch(request, INPUT_ROWS[-1]))]
    if request.config.speech is not None:
        vocoder = Token2WavConfig().hift
        # The last stage of the vocoder: the most samples, the fewest channels.
        channels = vocoder.base_channels >> len(vocoder.upsample_rates)
        samples = vocoder.sampling_rate // vocoder.istft_hop
        size = VOCODER_BUFFERS * channels * samples * _FLOAT32
        items.append(MemoryItem('speech', 'graphs', size))
    return items


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


def _speech_items(config: SpeechConfig, request: MemoryRequest) -> list[MemoryItem]:
    size, voice_frames = request.dtype.itemsize, request.voice_frames
    cache = 2 * config.num_hidden_layers * config.hidden_size * config.max_position_embeddings
    flow, estimator = Token2WavConfig().flow, Token2WavConfig().flow.estimator
    width = 2 * estimator.head_dim * estimator.num_heads
    per_frame = 2 * flow.n_timesteps * estimator.depth * width * _FLOAT32
    voice = 'host' if request.saves_on_device else 'weights'
    return [
        MemoryItem('flow and vocoder', 'weights', TOKEN2WAV_PARAMETERS * _FLOAT32),
        MemoryItem('imitated voice', voice, voice_frames * per_frame),
        MemoryItem('speech decoder', 'cache', cache * size),
        MemoryItem('flow and vocoder', 'cache', (voice_frames + TURN_FRAMES) * per_frame),
    ]
