# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the language model is taught by: its decisions, and what its inner states must know."""

from __future__ import annotations

import torch
from torch import Tensor
import torch.nn.functional as F

from training.nano.language_trainee import FLAGS, LanguageTrainee
from training.nano.precision import mixed_precision


def language_loss(
    model: LanguageTrainee, batch: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is minimised, and values to watch; nothing here waits for the device.

    batch: see ``sequence_batch.lay_out``, with the encoder rows 'embeddings'.
    """
    with mixed_precision(batch['ids'].device.type):
        hidden, ends = model(batch)
        logits = model.llm.logits(hidden[batch['decided']]).float()
        request, flags = model.request_head(ends).float(), model.flag_head(ends).float()
        places, asked = model.seen(batch), model.asked(batch)
        scene = [head(places).float() for head in model.scene_heads.values()]
        condition = model.condition_head(asked).float()
        shown = [head(asked).float() for head in model.shown_heads.values()]
    labels, right, weights = batch['labels'], batch['right'], batch['weights']
    token = token_loss(logits, right, weights)
    classes = labels[:, 1 + FLAGS :]
    loss = token + 0.5 * F.cross_entropy(request, labels[:, 0])
    loss = loss + 0.2 * F.binary_cross_entropy_with_logits(flags, labels[:, 1 : 1 + FLAGS].float())
    loss = loss + 0.5 * mean_entropy(scene, classes)
    loss = loss + 0.5 * question_loss(condition, shown, batch['questions'])
    correct, known = logits.argmax(-1) == right, request.argmax(-1) == labels[:, 0]
    seen = [(x.argmax(-1) == y).float().mean() for x, y in zip(scene, classes.T, strict=True)]
    return loss, {
        'token': token,
        'accuracy': correct.float().mean(),
        'scene_accuracy': torch.stack(seen).mean(),
        'question_accuracy': _share(correct, batch['asks']),
        'request_accuracy': _share(known, labels[:, 0] > 0),
    }


def token_loss(logits: Tensor, right: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over decisions [n] of how wrong their logits are."""
    return (F.cross_entropy(logits, right, reduction='none') * weights).sum() / weights.sum()


def question_loss(condition: Tensor, shown: list[Tensor], facts: Tensor) -> Tensor:
    """Return how badly an answer's place knows what is asked and what the picture shows.

    Yes and no are equally frequent for every question, so before both are known there is nothing
    to learn from the answers alone.
    """
    if not len(facts):
        return condition.sum()
    return F.cross_entropy(condition, facts[:, 0]) + mean_entropy(shown, facts[:, 1:])


def mean_entropy(logits: list[Tensor], classes: Tensor) -> Tensor:
    """Return the mean over heads of how wrong they are; classes: int64 [n, heads]."""
    entropies = [F.cross_entropy(x, y) for x, y in zip(logits, classes.T, strict=True)]
    return torch.stack(entropies).mean()


def _share(right: Tensor, chosen: Tensor) -> Tensor:
    """Return the share of right ones among the chosen, NaN without any."""
    return (right & chosen).sum() / chosen.sum()
