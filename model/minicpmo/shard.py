# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the safetensors files of a folder hold, read from their headers alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
import json
from pathlib import Path
import struct
from typing import Any

from minicpmo.errors import CheckpointError

INDEX_FILE = 'model.safetensors.index.json'
SINGLE_FILES = ('model.safetensors', 'weights.safetensors')
FLOAT_BYTES = {'F32': 4, 'F16': 2, 'BF16': 2}
_LENGTH_BYTES = 8
_REMEDY = 'run "python -m minicpmo.download" again, it fetches only what is missing'


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies and how large it is.

    dtype: 'F32', 'F16' or 'BF16'.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: str
    size: int


def read_folder(folder: Path) -> dict[str, StoredTensor]:
    """Return all tensors of the shards of ``folder`` by name.

    Raises:
        CheckpointError: a file is missing, truncated or no safetensors file.
    """
    tensors: dict[str, StoredTensor] = {}
    for path in shard_files(folder):
        tensors.update(read_header(path))
    return tensors


def shard_files(folder: Path) -> list[Path]:
    """Return the weight files in the order of their names; raise CheckpointError."""
    index = folder / INDEX_FILE
    if index.is_file():
        paths = [folder / name for name in _indexed_names(index)]
    else:
        paths = [folder / name for name in SINGLE_FILES if (folder / name).is_file()][:1]
    if not paths:
        names = ', '.join((INDEX_FILE, *SINGLE_FILES))
        raise CheckpointError(f'{folder} has none of {names}; {_REMEDY}')
    absent = [path.name for path in paths if not path.is_file()]
    if absent:
        raise CheckpointError(f'{folder} lacks {", ".join(absent)}; {_REMEDY}')
    return paths


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors of one file; raise CheckpointError if it is truncated or damaged."""
    size = path.stat().st_size
    with open(path, 'rb') as file:
        start = file.read(_LENGTH_BYTES)
        length = struct.unpack('<Q', start)[0] if len(start) == _LENGTH_BYTES else size
        if length + _LENGTH_BYTES > size:
            raise CheckpointError(f'{path} is truncated within its header; {_REMEDY}')
        header = _parse(path, file.read(length))
    header.pop('__metadata__', None)
    expected = _LENGTH_BYTES + length + _data_bytes(header.values())
    if size != expected:
        raise CheckpointError(f'{path} has {size} bytes instead of {expected}; {_REMEDY}')
    return {name: _stored(path, name, entry) for name, entry in header.items()}


def _indexed_names(index: Path) -> list[str]:
    try:
        names = json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()
    except (ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f'{index} has no readable weight_map; {_REMEDY}') from error
    return sorted(set(names))


def _parse(path: Path, header: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(header))
    except ValueError as error:
        raise CheckpointError(f'{path} has no safetensors header; {_REMEDY}') from error


def _data_bytes(entries: Iterable[dict[str, Any]]) -> int:
    return max((entry['data_offsets'][1] for entry in entries), default=0)


def _stored(path: Path, name: str, entry: dict[str, Any]) -> StoredTensor:
    if entry['dtype'] not in FLOAT_BYTES:
        raise CheckpointError(
            f'{path}: {name} is stored as {entry["dtype"]}; this engine reads '
            f'{", ".join(FLOAT_BYTES)}: use the unquantised release'
        )
    start, end = entry['data_offsets']
    return StoredTensor(path, tuple(entry['shape']), entry['dtype'], end - start)
