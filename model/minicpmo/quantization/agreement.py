# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a quantised model is from the unquantised one in the same conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from minicpmo.checks.decision_log import DecisionLog
from minicpmo.duplex import DuplexSession
from minicpmo.protocol import Unit


@dataclass
class Agreement:
    """Sums over all decisions of a conversation.

    decisions: tokens that were chosen. equal: how often both find the same token likeliest.
    errors: relative distance of the logits, |quantised - exact| / |exact|, one per decision.
    divergences: Kullback-Leibler divergence of the choice, exact to quantised [nat].
    """

    decisions: int = 0
    equal: int = 0
    errors: list[float] = field(default_factory=list)
    divergences: list[float] = field(default_factory=list)

    def add(self, exact: Tensor, quantized: Tensor) -> None:
        """Count one decision; logits [vocab]."""
        exact, quantized = exact.double(), quantized.double()
        self.decisions += 1
        self.equal += int(exact.argmax() == quantized.argmax())
        self.errors.append(float((quantized - exact).norm() / exact.norm()))
        likely, other = exact.log_softmax(-1), quantized.log_softmax(-1)
        self.divergences.append(float((likely.exp() * (likely - other)).sum()))

    def extend(self, other: Agreement) -> None:
        """Add another conversation."""
        self.decisions += other.decisions
        self.equal += other.equal
        self.errors += other.errors
        self.divergences += other.divergences

    @property
    def share(self) -> float:
        """Return the share of decisions with the same likeliest token."""
        return self.equal / self.decisions

    def line(self) -> str:
        """Return everything in one line."""
        errors, divergences = torch.tensor(self.errors), torch.tensor(self.divergences)
        return (
            f'same token {self.equal} of {self.decisions} ({self.share:.1%}), '
            f'logits differ by {errors.mean():.4f} (worst {errors.max():.4f}), '
            f'divergence {divergences.mean():.4f} nat (worst {divergences.max():.4f})'
        )


def compare(exact: DuplexSession, quantized: DuplexSession, units: Iterable[Unit]) -> Agreement:
    """Play the same units to both; the quantised model goes on with the tokens of the exact one.

    So every decision of both follows the same words, and one difference does not make all that
    follows incomparable. Both sessions must be new and greedy; neither makes sound.
    """
    agreement, ours, theirs = Agreement(), DecisionLog.attach(exact), DecisionLog.attach(quantized)
    forced: Iterator[int] = iter(())
    choose = quantized.chooser.choose

    def follow(logits: Tensor) -> int:
        choose(logits)
        return next(forced)

    quantized.chooser.choose = follow  # type: ignore[method-assign]
    exact.speech = quantized.speech = None
    for unit in units:
        exact.step(unit)
        forced = iter(ours.chosen)
        quantized.step(unit)
        for one, other in zip(ours.logits, theirs.logits, strict=True):
            agreement.add(one, other)
        ours.clear()
        theirs.clear()
    return agreement
