# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech-token decoder: conditions, logits and codes of every chunk against ``tts.*``."""

from __future__ import annotations

from collections.abc import Iterator
import re
from typing import Any, Optional

import torch
from torch import Tensor

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.errors import CheckpointError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.speech.code_sampler import CodeSampling
from minicpmo.speech.code_stream import CODES_PER_UNIT, DuplexCodeStream
from minicpmo.speech.condition import duplex_condition
from minicpmo.speech.decoder import SpeechDecoder

TOLERANCE = 1e-4
EVERY_ROW = 256
"""Stride of the recorded rows of the folded head."""


def load_speech_decoder(vectors: Vectors) -> SpeechDecoder:
    """Return the recorded speech-token decoder in float32, ready for use."""
    weights = vectors.weights_of('tts.')
    config = ModelConfig.from_dict(vectors.config['model']).speech
    decoder = SpeechDecoder(config, len(weights['model.embed_tokens.weight']))
    decoder.load_state_dict(weights)
    return decoder.requires_grad_(False).eval().to(vectors.device).prepare()


class ObservedCodeStream(DuplexCodeStream):
    """Keeps the scores of every step; takes the best code."""

    codes_per_read = 1

    def __init__(self, decoder: SpeechDecoder, pool: Optional[GraphPool] = None) -> None:
        super().__init__(decoder, CodeSampling(seed=None), pool)
        self.scores: list[Tensor] = []

    def observe(self, scores: Tensor) -> None:
        """Keep a copy."""
        self.scores.append(scores.cpu() if scores.is_cuda else scores.clone())


@stage('tts', needs=('tts.json', 'tts.safetensors', 'weights.safetensors'))
@torch.no_grad()
def check_speech_decoder(vectors: Vectors) -> Iterator[StageResult]:
    """Replay all chunks under forced codes, then greedily."""
    decoder, recorded = load_speech_decoder(vectors), vectors.json('tts.json')
    tensors = vectors.tensors('tts.safetensors')
    yield _check_head(decoder, tensors)
    yield _check_conditions(decoder, recorded['chunks'], tensors)
    yield _check_forced(decoder, recorded['chunks'], tensors, vectors.new_pool())
    yield _check_greedy(decoder, recorded['chunks'], tensors, vectors.new_pool())


def _check_head(decoder: SpeechDecoder, tensors: dict[str, Tensor]) -> StageResult:
    comparison = Comparison('tts head', TOLERANCE)
    sample = tensors['head_weight_row_sample']
    weight = decoder.head_code[0].weight
    comparison.add('folded weight norm', weight[::EVERY_ROW], sample)
    return comparison.result()


def _check_conditions(
    decoder: SpeechDecoder, chunks: list[dict[str, Any]], tensors: dict[str, Tensor]
) -> StageResult:
    comparison = Comparison('tts condition', TOLERANCE)
    for chunk in chunks:
        name = f'c{chunk["chunk"]}'
        rows = duplex_condition(decoder, chunk['ids'], tensors[f'{name}.hidden'])
        comparison.add(name, rows, tensors[f'{name}.condition'])
    return comparison.result()


def _check_forced(
    decoder: SpeechDecoder,
    chunks: list[dict[str, Any]],
    tensors: dict[str, Tensor],
    pool: Optional[GraphPool],
) -> StageResult:
    comparison = Comparison('tts logits', TOLERANCE)
    stream = ObservedCodeStream(decoder, pool)
    for chunk in chunks:
        name = f'c{chunk["chunk"]}'
        stream.scores.clear()
        codes = stream.generate(
            chunk['ids'], tensors[f'{name}.hidden'], chunk['end_of_turn'], chunk['forced']
        )
        comparison.equal(f'{name} codes', codes, chunk['returned'])
        _compare_positions(comparison, name, stream, chunk)
        comparison.equal(f'{name} minimum', stream.trace.minimum, chunk['min_new_tokens'])
        # The recording also holds step 26, whose code is discarded; the stream never computes it.
        steps = min(chunk['n_steps'], CODES_PER_UNIT)
        comparison.equal(f'{name} steps', len(stream.scores), steps)
        _compare_scores(comparison, name, torch.stack(stream.scores), tensors)
    return comparison.result()


def _compare_scores(
    comparison: Comparison, name: str, scores: Tensor, tensors: dict[str, Tensor]
) -> None:
    count = len(scores)
    likeliest, ids = _numbered(tensors, name, r'top(\d+)_ids')
    best = tensors[f'{name}.top{likeliest}_logits'][:count]
    comparison.add(f'{name} likeliest', scores.gather(1, ids[:count].long()), best)
    stride, sample = _numbered(tensors, name, r'logits_every_(\d+)th')
    comparison.add(f'{name} sample', scores[:, ::stride], sample[:count])
    comparison.add(f'{name} end', scores[:, -1], tensors[f'{name}.end_code_logit'][:count])
    comparison.add(f'{name} sum', scores.logsumexp(-1), tensors[f'{name}.logsumexp'][:count])
    for key in (key for key in tensors if key.startswith(f'{name}.step')):
        step = int(key.removeprefix(f'{name}.step').split('.')[0])
        comparison.add(key, scores[step], tensors[key])


def _numbered(tensors: dict[str, Tensor], name: str, pattern: str) -> tuple[int, Tensor]:
    """Return the number in the name of the one tensor of a chunk that fits, and the tensor."""
    for key, tensor in tensors.items():
        match = re.fullmatch(rf'{name}\.{pattern}', key)
        if match:
            return int(match[1]), tensor
    raise CheckpointError(f'tts.safetensors: no tensor named {name}.{pattern}')


def _check_greedy(
    decoder: SpeechDecoder,
    chunks: list[dict[str, Any]],
    tensors: dict[str, Tensor],
    pool: Optional[GraphPool],
) -> StageResult:
    comparison = Comparison('tts greedy', 0)
    stream = ObservedCodeStream(decoder, pool)
    for chunk in chunks:
        name = f'c{chunk["chunk"]}'
        codes = stream.generate(chunk['ids'], tensors[f'{name}.hidden'], chunk['end_of_turn'])
        comparison.equal(f'{name} codes', codes, chunk['greedy']['returned'])
        _compare_positions(comparison, name, stream, chunk['greedy'])
    return comparison.result()


def _compare_positions(
    comparison: Comparison, name: str, stream: DuplexCodeStream, expected: dict[str, Any]
) -> None:
    comparison.equal(f'{name} start', stream.trace.start, expected['text_start_pos'])
    comparison.equal(f'{name} context', stream.trace.length, expected['kv_after'])
