# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token choice rules against ``decode.*``: the id, the history and the processed logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import torch
from torch import Tensor

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.sampling import SamplingOptions, TokenChooser
from minicpmo.special_token import TOKEN_NAMES, SpecialTokens

TOLERANCE = 1e-5


def recorded_tokens(vectors: Vectors) -> SpecialTokens:
    """Return the special ids of the recorded vocabulary."""
    special = vectors.id_map['special']
    return SpecialTokens(**{field: special[name] for field, name in TOKEN_NAMES.items()})


def sampling_options(params: dict, greedy: bool) -> SamplingOptions:
    """Return the options recorded under their official names; absent ones keep the default."""
    names = {
        'temperature': 'temperature',
        'top_k': 'top_k',
        'top_p': 'top_p',
        'listen_top_k': 'listen_top_k',
        'listen_scale': 'listen_prob_scale',
        'repetition_penalty': 'text_repetition_penalty',
        'repetition_window': 'text_repetition_window_size',
        'length_penalty': 'length_penalty',
    }
    found = {ours: params[theirs] for ours, theirs in names.items() if theirs in params}
    return SamplingOptions(greedy=greedy, **found)


class BestDraws:
    """Takes the most likely entry, which is how the recorded cases were drawn."""

    capturable = False

    def __init__(self) -> None:
        self.first_probabilities: Optional[Tensor] = None
        self.final_probabilities: Optional[Tensor] = None

    def refresh(self) -> None:
        """Do nothing: no draw is random."""

    def first(self, probabilities: Tensor) -> Tensor:
        """Return the most likely id."""
        self.first_probabilities = probabilities.clone()
        return probabilities.argmax().view(1)

    def final(self, probabilities: Tensor, ids: Tensor) -> Tensor:
        """Return the most likely candidate."""
        assert self.first_probabilities is not None
        spread = torch.zeros_like(self.first_probabilities)
        self.final_probabilities = spread.scatter(0, ids, probabilities)
        return probabilities.argmax().view(1)

    def reset(self) -> None:
        """Keep the last probabilities; there is no state."""


@stage('decode', needs=('decode.json', 'decode.safetensors', 'id_map.json'))
def check_decode(vectors: Vectors) -> Iterator[StageResult]:
    """Replay every recorded case."""
    recorded, tensors = vectors.json('decode.json'), vectors.tensors('decode.safetensors')
    tokens = recorded_tokens(vectors)
    comparison = Comparison('decode', TOLERANCE)
    for case in recorded['cases']:
        _check_case(case, recorded['forbidden_ids'], tokens, tensors, comparison, vectors.device)
    yield comparison.result()


def _check_case(
    case: dict,
    forbidden: list[int],
    tokens: SpecialTokens,
    tensors: dict[str, Tensor],
    comparison: Comparison,
    device: torch.device,
) -> None:
    number, params = case['case'], case['params']
    label = f'case {number} ({case["name"]})'
    logits = tensors['logits'][number].to(device)
    greedy = params['mode'] == 'greedy'
    options, draws = sampling_options(params, greedy), BestDraws()
    chooser = TokenChooser(tokens, len(logits), forbidden, options, draws, device)
    chooser.reset(case['history'])
    processed = tensors['processed_logits'][number]
    if not processed.isnan().all():
        comparison.add(f'{label}: logits', chooser.process(logits), processed)
    comparison.equal(f'{label}: id', chooser.choose(logits), case['next_id'])
    remembered = case['history_after'][-options.repetition_window :]
    comparison.equal(f'{label}: history', chooser.history, remembered)
    comparison.equal(f'{label}: history', chooser.history_length, len(case['history_after']))
    if not greedy:
        name = f'sampling_case{number}'
        first, final = draws.first_probabilities, draws.final_probabilities
        comparison.add(f'{label}: first', first, tensors[f'{name}.first_probs'])
        comparison.add(f'{label}: final', final, tensors[f'{name}.final_probs'])
