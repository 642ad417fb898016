# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the bridge's barge-in."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.barge_in.configuration import BargeInConfig
from minicpmo_ros.parameter import group, parameter


@dataclass(frozen=True)
class BargeInParameters:
    """What users can set."""

    barge_in: BargeInConfig = group(BargeInConfig)
    emergency_stop_required: bool = parameter(
        False, 'an emergency stop whose state is unknown counts as pressed'
    )
    emergency_stop_timeout: float = parameter(
        0.0, 'age at which its state becomes unknown; 0 for never', 0.0, 3600.0, unit='s'
    )
