# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The epoch rule: a confirmed interruption voids all speech and text of its epoch and before."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_EPOCH = 1


@dataclass
class EpochGate:
    """Remember the largest voided epoch and tell what is still valid.

    The rule is idempotent and needs no answer: readers drop chunks with ``epoch <= voided``, the
    inference node goes on with ``voided + 1``.
    """

    voided: int = FIRST_EPOCH - 1

    @property
    def current(self) -> int:
        """Return the first epoch that is still valid."""
        return self.voided + 1

    def void(self, epoch: int) -> bool:
        """Void ``epoch`` and all before it; return whether that changed anything."""
        if epoch <= self.voided:
            return False
        self.voided = epoch
        return True

    def admits(self, epoch: int) -> bool:
        """Return whether something of ``epoch`` may still be played or shown."""
        return epoch > self.voided

    def reset(self) -> None:
        """Forget everything, as at start-up."""
        self.voided = FIRST_EPOCH - 1
