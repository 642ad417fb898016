# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether the loudspeaker is held, and for which epoch."""

from __future__ import annotations

from dataclasses import dataclass

# A pause that nobody ends, e.g. because the bridge died, ends itself [s].
PAUSE_LIMIT_SECONDS = 4.0


@dataclass
class PlaybackPause:
    """A pause belongs to an epoch, so that late messages of older ones change nothing.

    held: the sound is held. epoch: what is held. seconds: for how long so far.
    """

    held: bool = False
    epoch: int = 0
    seconds: float = 0.0

    def begin(self, epoch: int) -> None:
        """Hold the sound of an epoch; repeated, the first pause goes on."""
        if not self.held:
            self.seconds = 0.0
        self.held, self.epoch = True, epoch

    def end(self, epoch: int) -> None:
        """End the pause of an epoch or of one before."""
        self.held = self.held and epoch < self.epoch

    def outlasted(self, seconds: float) -> bool:
        """Let time pass; return True, and end the pause, when nobody ended it in time."""
        self.seconds += seconds
        self.held = self.seconds <= PAUSE_LIMIT_SECONDS
        return not self.held
