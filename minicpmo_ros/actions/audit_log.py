# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Audit log: one JSON line for every request and everything that became of it."""

from __future__ import annotations

from datetime import datetime, timezone
import json
import os
from pathlib import Path
from typing import Any, Optional


class AuditLog:
    """Append-only file of JSON lines; begins a new file when it grows too large.

    A disk error never stops the robot from stopping: ``write`` keeps the reason in ``problem``
    for the diagnostics, counts what was lost and goes on trying.
    """

    def __init__(self, path: Optional[str | Path], max_bytes: int = 16 * 1024 * 1024) -> None:
        self.path = Path(path).expanduser() if path else None
        self.max_bytes = max_bytes
        self.problem = ''
        self.lost = 0

    def write(self, seconds: float, entry: dict[str, Any]) -> None:
        """Append one entry; ``seconds`` is the ROS time since the epoch."""
        if self.path is None:
            return
        moment = datetime.fromtimestamp(seconds, timezone.utc)
        line = json.dumps({'time': moment.isoformat(timespec='milliseconds'), **entry})
        try:
            self._rotate()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
                file.write(line + '\n')
            self.problem = ''
        except OSError as error:
            self.problem = f'audit log {self.path}: {error.strerror}'
            self.lost += 1

    def _rotate(self) -> None:
        if self.path.exists() and self.path.stat().st_size > self.max_bytes:
            self.path.replace(self.path.with_suffix(self.path.suffix + '.1'))
