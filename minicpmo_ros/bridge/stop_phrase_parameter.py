# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the bridge's stop phrases."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import group, parameter


@dataclass(frozen=True)
class StopPhraseGroup:
    """Parameters stop_phrase.*."""

    enabled: bool = parameter(True, 'listen for stop phrases', read_only=True)
    phrases: tuple[str, ...] = parameter(
        (),
        'those that count, e.g. stop, stopp, para; empty for all that are known',
        read_only=True,
    )
    threshold: float = parameter(
        0.5,
        'probability that makes a phrase certain; more means fewer false alarms and fewer hits',
        0.05,
        0.999,
    )


@dataclass(frozen=True)
class StopPhraseParameters:
    """What users can set."""

    stop_phrase: StopPhraseGroup = group(StopPhraseGroup)
