# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Language model: hidden states, logits, cache rows and eviction against ``llm.*``."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.errors import CheckpointError
from minicpmo.kv_cache import KeyValueCache
from minicpmo.llm import LanguageModel

TOLERANCE = 1e-4


def load_language_model(vectors: Vectors) -> LanguageModel:
    """Return the recorded language model in float32."""
    model = LanguageModel(ModelConfig.from_dict(vectors.config['model']).llm)
    model.load_state_dict(vectors.weights_of('llm.'))
    return model.eval().to(vectors.device)


@stage('llm', needs=('llm.json', 'llm.safetensors', 'weights.safetensors'))
@torch.inference_mode()
def check_language(vectors: Vectors) -> Iterator[StageResult]:
    """Feed the recorded pieces in one forward, piece by piece and row by row."""
    model = load_language_model(vectors)
    recorded, tensors = vectors.json('llm.json'), vectors.tensors('llm.safetensors')
    pieces = [_piece(model, piece, tensors) for piece in recorded['pieces']]
    sequence = torch.cat(pieces)
    for name, feeds in (
        ('whole', [sequence]),
        ('pieces', pieces),
        ('rows', list(sequence.split(1))),
    ):
        yield _check_sequence(model, name, feeds, tensors)
    whole = model(sequence[None])[0]
    without_cache = Comparison('llm without cache', TOLERANCE)
    without_cache.add('hidden', whole, tensors['whole.hidden'])
    yield without_cache.result()
    yield _check_evict(model, sequence, recorded['evict'], tensors)


def _piece(model: LanguageModel, piece: dict, tensors: dict[str, Tensor]) -> Tensor:
    if piece['kind'] == 'ids':
        return model.embed_ids(piece['ids'])
    return tensors[piece['tensor']].to(model.model.norm.weight)


def _sampled(tensors: dict[str, Tensor], prefix: str) -> tuple[str, Tensor]:
    """Return the rest of the name that begins with ``prefix``, and its tensor."""
    name = next((name for name in tensors if name.startswith(prefix)), None)
    if name is None:
        raise CheckpointError(f'llm.safetensors: no tensor named {prefix}*')
    return name.removeprefix(prefix), tensors[name]


def _feed(model: LanguageModel, feeds: list[Tensor], cache: KeyValueCache) -> Tensor:
    return torch.cat([model.extend(rows, cache) for rows in feeds])


def _check_sequence(
    model: LanguageModel, name: str, feeds: list[Tensor], tensors: dict[str, Tensor]
) -> StageResult:
    comparison = Comparison(f'llm {name}', TOLERANCE)
    rows = sum(len(feed) for feed in feeds)
    cache = model.new_cache(rows)
    hidden = _feed(model, feeds, cache)
    logits = model.logits(hidden)
    comparison.add('hidden', hidden, tensors['whole.hidden'])
    stride, expected = _sampled(tensors, 'whole.logits_every_')
    comparison.add('logits', logits[:: int(stride.removesuffix('th'))], expected)
    comparison.add('last logits', logits[-1], tensors['whole.logits_last'])
    comparison.add('keys of layer 0', cache.keys[0], tensors['whole.k_layer0'])
    comparison.add('values of layer 0', cache.values[0], tensors['whole.v_layer0'])
    comparison.add('keys of the last layer', cache.keys[-1], tensors['whole.k_last'])
    return comparison.result()


def _check_evict(
    model: LanguageModel, sequence: Tensor, recorded: dict, tensors: dict[str, Tensor]
) -> StageResult:
    """Drop rows, compare the moved keys, then feed more rows behind them."""
    comparison = Comparison('llm evict', TOLERANCE)
    fed, expected = _sampled(tensors, 'evict.logits_after_feeding_')
    after = tensors[fed].to(sequence)
    cache = model.new_cache(len(sequence) + len(after))
    _feed(model, list(sequence.split(1)), cache)
    comparison.equal('rows before', cache.length, recorded['kv_before'])
    cache.evict(recorded['preserve'], recorded['drop'])
    comparison.equal('rows after', cache.length, recorded['kv_after'])
    kept = cache.length
    comparison.add('keys', cache.keys[0][:, :kept], tensors['evict.k_layer0'])
    comparison.add('values', cache.values[0][:, :kept], tensors['evict.v_layer0'])
    hidden = model.extend(after, cache)
    comparison.equal('next positions', [kept, cache.length - 1], recorded['next_positions'])
    comparison.add('hidden after', hidden, tensors['evict.hidden_after'])
    comparison.add('logits after', model.logits(hidden[-1]), expected)
    return comparison.result()
