# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The environment variables with which launch files and bring-up start the nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from minicpmo_ros.transport import profile_variables

BLAS_VARIABLES = ('OPENBLAS_NUM_THREADS',)
"""numpy's matrices here are tiny (stop phrases: 65 x 200): a second thread costs five times the
processor time and gains nothing. torch has threads of its own (``torch_threads``)."""


def node_variables(environment: Mapping[str, str], share: Path) -> dict[str, str]:
    """Return the variables to add for nodes; what the user has set is left alone."""
    threads = {name: '1' for name in BLAS_VARIABLES if not environment.get(name)}
    return {**profile_variables(environment, share), **threads}
