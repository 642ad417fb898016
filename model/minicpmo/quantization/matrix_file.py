# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quantised matrices in one safetensors file, so that a model is quantised only once.

The file holds the codes as they mean the same on every device, and in its header: the version of
this layout, the quantisation, the fingerprint of the release it was made from, and a checksum per
tensor. Reading refuses a file that does not fit; nobody has to delete anything by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
import contextlib
import hashlib
import json
import os
from pathlib import Path
import tempfile
import zlib

from safetensors import SafetensorError, safe_open
import torch
from torch import Tensor

from minicpmo.errors import CheckpointError
from minicpmo.quantization.quantizer import QuantizedMatrix
from minicpmo.quantization.scheme import Code, Quantization, TensorFormat

VERSION = '1'
NO_CHECKSUM = '00000000'
SAMPLES_PER_FILE, SAMPLE_BYTES = 64, 4096
_ALIGNMENT = 8
_DTYPE_NAMES = {
    torch.uint8: 'U8',
    torch.int8: 'I8',
    torch.bfloat16: 'BF16',
    torch.float32: 'F32',
    torch.float8_e4m3fn: 'F8_E4M3',
}

Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]
"""Type and shape of every tensor of a file by its name."""


def fingerprint(folder: Path, shards: list[Path]) -> str:
    """Return what tells one release from another: configuration, headers, sizes, samples.

    Reads a few hundred kilobytes per shard. The same files give the same value on any machine.
    """
    digest = hashlib.sha256((folder / 'config.json').read_bytes())
    for shard in sorted(shards):
        size = shard.stat().st_size
        digest.update(f'{shard.name} {size}'.encode())
        with open(shard, 'rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            digest.update(file.read(length))
            for number in range(SAMPLES_PER_FILE):
                file.seek(size * number // SAMPLES_PER_FILE)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def file_layout(
    shapes: Mapping[str, tuple[int, ...]], formats: Mapping[str, TensorFormat]
) -> Layout:
    """Return what a file with these matrices holds."""
    layout: Layout = {}
    for name, how in formats.items():
        rows, columns = shapes[name]
        groups = columns // how.group
        if how.code is Code.INT4:
            layout[f'{name}.codes'] = torch.uint8, (rows, columns // 2)
            layout[f'{name}.scale'] = torch.bfloat16, (rows, groups)
            layout[f'{name}.zero'] = torch.int8, (rows, groups)
        else:
            kind = torch.int8 if how.code is Code.INT8 else torch.float8_e4m3fn
            layout[f'{name}.codes'] = kind, (rows, columns)
            layout[f'{name}.scale'] = torch.float32, (rows, 1)
    return layout


class MatrixFileReader:
    """Reads matrices of one file.

    Raises:
        CheckpointError: there is no such file, it is damaged, or was made from something else;
            the message says which.
    """

    def __init__(
        self, path: Path, source: str, quantization: Quantization, layout: Layout
    ) -> None:
        self._path = path
        if not path.is_file():
            raise CheckpointError(f'{path} does not exist')
        try:
            self._file = safe_open(path, framework='pt', device='cpu')
            metadata = self._file.metadata() or {}
            self._checksums = json.loads(metadata.get('checksums', '{}'))
            names = set(self._file.keys())
        except (SafetensorError, ValueError, OSError) as error:
            raise CheckpointError(f'{path} is damaged ({error})') from error
        wanted = _identity(source, quantization)
        for key, value in wanted.items():
            if metadata.get(key) != value:
                raise CheckpointError(f'{path} has another {key} than this model needs')
        if names != set(layout) or names != set(self._checksums):
            raise CheckpointError(f'{path} holds other tensors than this model needs')
        self._layout = layout

    def read(self, name: str, how: TensorFormat, device: torch.device) -> QuantizedMatrix:
        """Return one matrix on ``device``; raise CheckpointError if its bytes have changed."""
        suffixes = ('codes', 'scale', 'zero') if how.code is Code.INT4 else ('codes', 'scale')
        parts = {suffix: self._tensor(f'{name}.{suffix}') for suffix in suffixes}
        return QuantizedMatrix(how, **parts).to(device)

    def _tensor(self, name: str) -> Tensor:
        try:
            tensor = self._file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f'{self._path} is damaged at {name} ({error})') from error
        if (tensor.dtype, tuple(tensor.shape)) != self._layout[name]:
            raise CheckpointError(f'{self._path}: {name} has another type or shape')
        if _checksum(_bytes(tensor)) != self._checksums[name]:
            raise CheckpointError(f'{self._path} is damaged: {name} has another checksum')
        return tensor


class MatrixFileWriter:
    """Writes matrices one after the other, in any order; the file appears with :meth:`finish`.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """

    def __init__(
        self, path: Path, source: str, quantization: Quantization, layout: Layout
    ) -> None:
        self._path = path
        self._identity = _identity(source, quantization)
        self._layout = layout
        self._checksums = dict.fromkeys(layout, NO_CHECKSUM)
        self._offsets = _offsets(layout)
        header = self._header()
        self._data_start = len(header)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix='.part', dir=path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, 'wb')
        self._file.write(header)

    def write(self, name: str, matrix: QuantizedMatrix) -> None:
        """Write one matrix."""
        for suffix, tensor in matrix.tensors.items():
            part = f'{name}.{suffix}'
            assert (tensor.dtype, tuple(tensor.shape)) == self._layout[part], part
            content = _bytes(tensor.cpu())
            self._checksums[part] = _checksum(content)
            self._file.seek(self._data_start + self._offsets[part][0])
            self._file.write(content)

    def finish(self) -> None:
        """Put the file in its place, atomically; every tensor must have been written."""
        assert NO_CHECKSUM not in self._checksums.values(), 'a tensor was not written'
        self._file.seek(0)
        self._file.write(self._header())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.chmod(0o644)
        self._temporary.replace(self._path)

    def abandon(self) -> None:
        """Remove what there is of the file; nothing to do after :meth:`finish`."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _header(self) -> bytes:
        """Return length and header; checksums have a fixed width, so the length is constant."""
        checksums = json.dumps(self._checksums, sort_keys=True)
        entries: dict[str, object] = {'__metadata__': {**self._identity, 'checksums': checksums}}
        for name, (dtype, shape) in self._layout.items():
            entries[name] = {
                'dtype': _DTYPE_NAMES[dtype],
                'shape': list(shape),
                'data_offsets': list(self._offsets[name]),
            }
        text = json.dumps(entries).encode()
        text += b' ' * (-len(text) % _ALIGNMENT)
        return len(text).to_bytes(8, 'little') + text


def _identity(source: str, quantization: Quantization) -> dict[str, str]:
    return {'version': VERSION, 'quantization': quantization.value, 'source': source}


def _offsets(layout: Layout) -> dict[str, tuple[int, int]]:
    offsets, begin = {}, 0
    # Wide types first: then every tensor begins where its type may be read.
    ordered = sorted(layout.items(), key=lambda item: -item[1][0].itemsize)
    for name, (dtype, (rows, columns)) in ordered:
        end = begin + rows * columns * dtype.itemsize
        offsets[name] = begin, end
        begin = end
    return offsets


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.contiguous().view(torch.uint8).numpy().data


def _checksum(content: memoryview) -> str:
    # Zero marks what was not written yet.
    return f'{zlib.crc32(content) or 1:08x}'
