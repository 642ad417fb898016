# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps watches over restarts: one JSON file, replaced as a whole."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
import json
import os
from pathlib import Path
import time

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.watch import Watch

FORMAT = 1
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class StoredState:
    """What survives: the watches, those of the configuration that were cancelled, the camera.

    known: ids of the configuration file that were taken over once, so that what a person changed
    or cancelled since is not undone by a restart.
    """

    watches: tuple[Watch, ...] = ()
    known: tuple[str, ...] = ()
    camera: bool = True


class WatchStore:
    """A file; ``problem`` says what went wrong with it last, empty when nothing did."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser()
        self.problem = ''

    def load(self) -> StoredState:
        """Return what was stored; a damaged file is kept aside and a new one begun."""
        if not self.path.exists():
            return StoredState()
        try:
            return _read(self.path)
        except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            self.problem = f'{self.path.name} is damaged ({error}); {self._keep_aside()}'
            # Whether people were watched is not known any more: they are not.
            return StoredState(camera=False)

    def save(self, state: StoredState) -> bool:
        """Replace the file; return whether that worked, otherwise the old one stays."""
        data = {
            'format': FORMAT,
            'watches': [watch.plain() for watch in state.watches],
            'known': list(state.known),
            'camera': state.camera,
        }
        temporary = self.path.with_name(self.path.name + '.new')
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, 'w', encoding='utf-8') as file:
                json.dump(data, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            self.problem = f'{self.path}: {error.strerror}; watches are kept in memory only'
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)  # half a file only takes room
            return False
        self.problem = ''
        return True

    def _keep_aside(self) -> str:
        aside = self.path.with_name(f'{self.path.name}.damaged-{time.time_ns()}')
        try:
            self.path.replace(aside)
        except OSError as error:
            return f'it cannot be moved: {error.strerror}'
        return f'kept as {aside.name}, a new one is begun'


def _read(path: Path) -> StoredState:
    if path.stat().st_size > MOST_BYTES:
        raise WatchError(f'larger than {MOST_BYTES} bytes')
    data = json.loads(path.read_text(encoding='utf-8'))
    if not isinstance(data, dict) or data.get('format') != FORMAT:
        raise WatchError('of another format')
    if not isinstance(data['camera'], bool):
        raise WatchError('camera is neither true nor false')
    watches = tuple(Watch.from_plain(entry) for entry in data['watches'])
    return StoredState(watches, tuple(map(str, data['known'])), data['camera'])
