# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choose the Fast DDS profile in which raw camera frames survive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# Fast DDS renamed the variable; both names are read by the versions in use.
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def profile_variables(environment: Mapping[str, str], share: Path) -> dict[str, str]:
    """Return the variables to add for child processes; none when the user chose a profile."""
    if any(environment.get(name) for name in PROFILE_VARIABLES):
        return {}
    if environment.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') != 'rmw_fastrtps_cpp':
        return {}
    profile = str(share / 'config' / 'fastdds.xml')
    return {name: profile for name in PROFILE_VARIABLES}
