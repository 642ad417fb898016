# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the token choice of a running session sees, answers and draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from minicpmo.checks.stage import Comparison
from minicpmo.duplex import DuplexSession


@dataclass
class DecisionLog:
    """Everything the token choice saw and answered in one unit."""

    logits: list[Tensor] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)
    history: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    @classmethod
    def attach(cls, session: DuplexSession) -> DecisionLog:
        """Return a log that follows every choice of the session."""
        log, chooser, choose = cls(), session.chooser, session.chooser.choose

        def choose_and_log(logits: Tensor) -> int:
            log.logits.append(logits.cpu().clone())
            log.history.append(chooser.history_length)
            log.lengths.append(session.conversation.stream.length)
            log.chosen.append(choose(logits))
            return log.chosen[-1]

        chooser.choose = choose_and_log
        return log

    def clear(self) -> None:
        """Begin the next unit."""
        for values in (self.logits, self.chosen, self.history, self.lengths):
            values.clear()


class RecordedDraws:
    """Repeats the draws of a recorded conversation and compares what they were drawn from."""

    capturable = False

    def __init__(self, trace: dict[str, Any], comparison: Comparison) -> None:
        events = (event for unit in trace['units'] for event in unit['generate'])
        self._events = [event for event in events if event['ev'] == 'decode']
        self._comparison = comparison
        self._index = -1

    def refresh(self) -> None:
        """Go on to the next recorded choice."""
        self._index += 1

    def first(self, probabilities: Tensor) -> Tensor:
        """Return the recorded id."""
        event = self._events[self._index]
        return torch.tensor([event['first_draw']], device=probabilities.device)

    def final(self, probabilities: Tensor, ids: Tensor) -> Tensor:
        """Return where the recorded id stands among the candidates."""
        event = self._events[self._index]
        if 'final_draw' not in event:
            return ids.new_zeros(1)  # the first draw has decided
        label = f'draw {self._index}'
        kept = probabilities > 0
        order = ids[kept].argsort()
        self._comparison.equal(
            f'{label}: candidates', ids[kept][order].tolist(), event['final_support']
        )
        self._comparison.add(
            f'{label}: probabilities', probabilities[kept][order], event['final_probs']
        )
        place = (ids == event['final_draw']).nonzero()
        return place[0] if len(place) else ids.new_zeros(1)

    def reset(self) -> None:
        """Begin with the first draw."""
        self._index = -1
