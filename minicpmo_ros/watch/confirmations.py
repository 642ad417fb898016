# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the answers say by now about every watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minicpmo_ros.watch.confirmation import Confirmation
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.watch import Severity, Watch

# A denied report of something critical counts for so long [s].
CRITICAL_REPORT_SECONDS = 300.0
# It never takes more than so many more answers to believe the next one.
MOST_EXTRA_FOR_REPORTS = 2


@dataclass
class Confirmations:
    """One confirmation for every watch that was asked about; parameters: those in force."""

    parameters: Callable[[], EventParameters]
    _by_watch: dict[str, Confirmation] = field(default_factory=dict)

    def of(self, watch: Watch) -> Confirmation:
        """Return the confirmation of a watch, as the parameters want it now."""
        given = self.parameters()
        confirmation = self._by_watch.setdefault(watch.id, Confirmation())
        confirmation.needed = given.confirm_needed
        confirmation.window = given.confirm_window
        confirmation.threshold = given.confirm_threshold
        # Who lies on the floor must be told of even if the model is not sure what it sees.
        critical = watch.severity is Severity.CRITICAL
        confirmation.wavering.most = 0.0 if critical else given.confirm_wavering
        # So what the model reports falsely time and again has to be surer.
        usual = confirmation.memory
        confirmation.report_memory = CRITICAL_REPORT_SECONDS if critical else usual
        return confirmation

    def is_true(self, watch_id: str) -> bool:
        """Return whether the answers say that what a watch waits for is there."""
        return watch_id in self._by_watch and self._by_watch[watch_id].confirmed

    def extra(self, watch: Watch) -> int:
        """Return how many more answers than usual it takes to believe a report."""
        return min(self.of(watch).extra, MOST_EXTRA_FOR_REPORTS)

    def in_doubt(self, watch_id: str) -> bool:
        """Return whether the last answer about a watch wants to be confirmed."""
        return watch_id in self._by_watch and self._by_watch[watch_id].in_doubt

    @property
    def wavering(self) -> list[str]:
        """Return the ids of the watches whose answers waver: nothing is told of them now."""
        return [name for name, entry in self._by_watch.items() if entry.wavering]

    def forget(self, watch_id: str) -> None:
        """Forget the answers about a watch."""
        self._by_watch.pop(watch_id, None)
