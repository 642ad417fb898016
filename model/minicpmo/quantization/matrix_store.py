# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The folder of quantised files: read what fits, renew what does not, go on when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import logging
import os
from pathlib import Path
from typing import Optional

import torch

from minicpmo.errors import CheckpointError
from minicpmo.quantization.matrix_file import (
    Layout,
    MatrixFileReader,
    MatrixFileWriter,
    file_layout,
    fingerprint,
)
from minicpmo.quantization.quantizer import QuantizedMatrix
from minicpmo.quantization.scheme import LANGUAGE_HEAD, LANGUAGE_TABLE, Quantization, TensorFormat

_LOGGER = logging.getLogger(__name__)

Take = Callable[[str, QuantizedMatrix], None]


@dataclass(frozen=True)
class MatrixStore:
    """Quantised matrices of one release.

    path: their file; None keeps nothing. source: fingerprint of the release.
    """

    path: Optional[Path]
    source: str
    quantization: Quantization
    layout: Layout
    formats: Mapping[str, TensorFormat]

    def load(self, take: Take, device: torch.device) -> bool:
        """Hand all matrices to ``take``; False, with the reason logged, if they cannot be used."""
        if self.path is None or not self.path.exists():
            return False
        try:
            reader = MatrixFileReader(self.path, self.source, self.quantization, self.layout)
            for name, how in self.formats.items():
                take(name, reader.read(name, how, device))
        except CheckpointError as error:
            _LOGGER.warning('%s; it is made anew', error)
            return False
        _LOGGER.info('quantised matrices read from %s', self.path)
        return True

    @contextmanager
    def recording(self) -> Iterator[Take]:
        """Give a function that keeps each matrix; the file is there when the block has ended.

        A folder that cannot be written is reported and nothing is kept.
        """
        recorder = _Recorder(self)
        try:
            yield recorder.keep
            recorder.finish()
        finally:
            recorder.abandon()

    def new_writer(self) -> Optional[MatrixFileWriter]:
        """Return a writer of the file, None where nothing is kept; raises OSError."""
        if self.path is None:
            return None
        return MatrixFileWriter(self.path, self.source, self.quantization, self.layout)


class _Recorder:
    """Writes as long as the disk allows it; the first failure is reported and ends it."""

    def __init__(self, store: MatrixStore) -> None:
        self._store = store
        self._writer: Optional[MatrixFileWriter] = None
        try:
            self._writer = store.new_writer()
        except OSError as error:
            self._give_up(error)

    def keep(self, name: str, matrix: QuantizedMatrix) -> None:
        """Write one matrix."""
        if self._writer is not None:
            try:
                self._writer.write(name, matrix)
            except OSError as error:
                self._give_up(error)

    def finish(self) -> None:
        """Put the file in its place."""
        if self._writer is not None:
            try:
                self._writer.finish()
                _LOGGER.info('quantised matrices kept in %s', self._store.path)
            except OSError as error:
                self._give_up(error)

    def abandon(self) -> None:
        """Remove what was not finished."""
        if self._writer is not None:
            self._writer.abandon()

    def _give_up(self, error: OSError) -> None:
        _LOGGER.warning('quantised matrices cannot be kept in %s: %s', self._store.path, error)
        self.abandon()
        self._writer = None


def new_store(
    cache: Optional[Path],
    folder: Path,
    shards: list[Path],
    quantization: Quantization,
    shapes: Mapping[str, tuple[int, ...]],
    formats: Mapping[str, TensorFormat],
) -> MatrixStore:
    """Return the store for the release in ``folder``; ``cache``: folder of the quantised files."""
    layout = file_layout(shapes, formats)
    if cache is None:
        return MatrixStore(None, '', quantization, layout, formats)
    # Both files may be wanted in turn; neither shall replace the other.
    kind = quantization.value if LANGUAGE_TABLE in formats else f'{quantization.value}-no-table'
    if LANGUAGE_HEAD not in shapes:
        kind = quantization.value
    path = cache / f'{folder.resolve().name}-{kind}.safetensors'
    return MatrixStore(path, fingerprint(folder, shards), quantization, layout, formats)


def default_cache() -> Path:
    """Return the folder for quantised files of this user."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'minicpmo'
