# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the safetensors files of a folder hold, read from their headers alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import struct
from typing import Any, Protocol

from minicpmo.errors import CheckpointError

INDEX_FILE = 'model.safetensors.index.json'
SINGLE_FILES = ('model.safetensors', 'weights.safetensors')
FLOAT_BYTES = {'F32': 4, 'F16': 2, 'BF16': 2}
_LENGTH_BYTES = 8
_REMEDY = 'run "python -m minicpmo.download" again, it fetches only what is missing'


class Shaped(Protocol):
    """A tensor, or what is known of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the size of every dimension."""


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
    try:
        expected = _LENGTH_BYTES + length + _data_bytes(header.values())
        stored = {name: _stored(path, name, entry) for name, entry in header.items()}
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise CheckpointError(f'{path} has a damaged header ({error!r}); {_REMEDY}') from error
    if size != expected:
        raise CheckpointError(f'{path} has {size} bytes instead of {expected}; {_REMEDY}')
    return stored


def differences(
    expected: Mapping[str, tuple[int, ...]], stored: Mapping[str, Shaped]
) -> list[str]:
    """Return one line per tensor that is missing, surplus or of another shape."""
    missing = [name for name in expected if name not in stored]
    lines = [f'missing {name} {list(expected[name])}' for name in missing]
    lines += [f'surplus {name}' for name in stored if name not in expected]
    for name, tensor in stored.items():
        shape = expected.get(name, tensor.shape)
        if tuple(tensor.shape) != shape:
            lines.append(f'{name} is {list(tensor.shape)} instead of {list(shape)}')
    return lines


def _indexed_names(index: Path) -> list[str]:
    try:
        names = json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()
        names = sorted(set(names))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f'{index} has no readable weight_map; {_REMEDY}') from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f'{index} names {name!r}, which is no file of the folder')
    return names


def _parse(path: Path, header: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(header))
    except (ValueError, TypeError) as error:
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
