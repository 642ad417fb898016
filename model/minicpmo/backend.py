# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The entry point that the inference node names as its engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from minicpmo.engine import Engine
from minicpmo.protocol import Backend


def load_backend(
    folder: Path | str,
    device: str = 'auto',
    dtype: str = 'auto',
    progress: Optional[Callable[[int, int], None]] = None,
    **options: Any,
) -> Backend:
    """Return the loaded model of a folder; see :meth:`minicpmo.engine.Engine.load`."""
    return Engine.load(folder, device, dtype, progress=progress, **options)
