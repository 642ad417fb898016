# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Weights from a folder in the layout of the official release, name by name.

The model is built without memory, compared with the headers of all files, and only then filled:
each tensor goes from its file straight to the device, one at a time, and is quantised there if
that is wanted, so that the unquantised model never is on the device as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
import ctypes
import json
from pathlib import Path
from typing import Any, Optional

from safetensors import safe_open
from safetensors.torch import save_file
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from minicpmo.config import PARTS, ModelConfig
from minicpmo.errors import CheckpointError
from minicpmo.host_table import HostTable, host_tables, install_host_tables
from minicpmo.memory_plan import MemoryRequest, without_parts
from minicpmo.model import OmniModel
from minicpmo.quantization.conversion import assign_matrix, install, tensor_formats
from minicpmo.quantization.matrix_store import MatrixStore, new_store
from minicpmo.quantization.quantizer import QuantizedMatrix, quantize
from minicpmo.quantization.scheme import (
    LANGUAGE_HEAD,
    Quantization,
    TensorFormat,
    require_hardware,
)
from minicpmo.shard import SINGLE_FILES, StoredTensor, differences, read_folder, shard_files

SPEECH_TABLE = 'tts.model.embed_tokens.weight'

Progress = Callable[[int, int], None]


class SkipInitialisation(TorchFunctionMode):
    """Leaves out ``torch.nn.init`` while modules are built: the values come from files."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Collection[type],
        arguments: tuple[Any, ...] = (),
        keywords: Optional[dict[str, Any]] = None,
    ) -> Any:
        """Return the tensor unchanged for an initialiser, else call ``function``."""
        keywords = keywords or {}
        if getattr(function, '__module__', '') == 'torch.nn.init':
            return keywords['tensor'] if 'tensor' in keywords else arguments[0]
        return function(*arguments, **keywords)


def empty_model(config: ModelConfig, speech_table_rows: Optional[int] = None) -> OmniModel:
    """Return the model on the meta device: names and shapes without memory."""
    with torch.device('meta'), SkipInitialisation():
        if speech_table_rows is None:
            return OmniModel(config)
        return OmniModel(config, speech_table_rows)


def load_model(
    folder: Path | str,
    config: Optional[ModelConfig] = None,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
    progress: Optional[Progress] = None,
    quantization: Quantization = Quantization.NONE,
    cache: Optional[Path] = None,
    offload: bool = False,
) -> OmniModel:
    """Return the model of ``folder``, ready for inference on ``device``.

    Args:
        folder: config.json and the safetensors shards.
        config: that of the folder with parts left out; None takes all the folder has.
        device: where the weights go.
        dtype: float32, float16 or bfloat16.
        progress: called with the bytes read so far and in all.
        quantization: of the language model.
        cache: folder where quantised matrices are kept and looked for; None keeps nothing.
        offload: leave the token tables in host memory, unquantised.

    Raises:
        CheckpointError: a file is missing or damaged, or tensors are missing, surplus or of
            another shape; all of them are listed.
        QuantizationError: this quantisation cannot be had here.
    """
    device = torch.device(device)
    require_hardware(quantization, device, dtype)
    folder = Path(folder)
    whole = ModelConfig.from_folder(folder)
    config = whole if config is None else config
    left_out = [part for part in PARTS if getattr(config, part) is None]
    left_out = [part for part in left_out if getattr(whole, part) is not None]
    stored = without_parts(read_folder(folder), left_out)
    table = stored.get(SPEECH_TABLE)
    model = empty_model(config, table.shape[0] if table is not None else None)
    shapes = expected_shapes(model)
    require_equal(folder, shapes, stored)
    on_host = host_tables(shapes) if offload else []
    formats = tensor_formats(shapes, quantization, on_host)
    install_host_tables(model, on_host, device)
    install(model, shapes, formats)
    reading = _Reading(sum(tensor.size for tensor in stored.values()), progress)
    if formats:
        store = new_store(cache, folder, shard_files(folder), quantization, shapes, formats)
        matrices = {name: stored.pop(name) for name in formats}
        _fill_quantized(model, matrices, formats, store, device, dtype, reading)
    tables = {name: stored.pop(name) for name in on_host}
    _fill(model, tables, torch.device('cpu'), dtype, reading)
    _fill(model, stored, device, dtype, reading)
    _finish(model)
    if model.tts is not None:
        model.tts.prepare()
    return model.requires_grad_(False).eval()


def memory_request(
    folder: Path | str,
    config: ModelConfig,
    device: torch.device,
    dtype: torch.dtype,
    context_tokens: int,
    quantization: Quantization = Quantization.NONE,
) -> MemoryRequest:
    """Return what loading ``folder`` and one session with it asks for; raise CheckpointError.

    Args as for :func:`load_model`; ``context_tokens`` is the size of a session's cache.
    """
    left_out = [part for part in PARTS if getattr(config, part) is None]
    stored = without_parts(read_folder(Path(folder)), left_out)
    return MemoryRequest(
        config,
        {name: tensor.shape for name, tensor in stored.items()},
        dtype,
        context_tokens,
        device_type=device.type,
        quantization=quantization,
    )


def expected_shapes(model: OmniModel) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor a checkpoint of ``model`` has."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if model.config.llm.tie_word_embeddings:
        del shapes[LANGUAGE_HEAD]
    return shapes


def require_equal(
    folder: Path, expected: Mapping[str, tuple[int, ...]], stored: Mapping[str, StoredTensor]
) -> None:
    """Raise CheckpointError listing every difference."""
    lines = differences(expected, stored)
    if lines:
        listing = '\n  '.join(lines)
        raise CheckpointError(
            f'{folder}: {len(lines)} tensors do not fit config.json; use the weights and the '
            f'configuration of one release:\n  {listing}'
        )


def save_model(model: OmniModel, folder: Path | str) -> None:
    """Write config.json and model.safetensors so that :func:`load_model` reads them.

    Args:
        model: one that was built or trained, not one prepared for inference.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = expected_shapes(model)
    tensors = model.state_dict()
    save_file(
        {name: tensors[name].detach().cpu().contiguous() for name in names},
        folder / SINGLE_FILES[0],
    )
    config = json.dumps(model.config.to_dict(), indent=1) + '\n'
    (folder / 'config.json').write_text(config, encoding='utf-8')


class _Reading:
    """Counts what was read."""

    def __init__(self, total: int, progress: Optional[Progress]) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, size: int) -> None:
        """Count bytes of the release, wherever they were found."""
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._total)


def _fill(
    model: OmniModel,
    stored: Mapping[str, StoredTensor],
    device: torch.device,
    dtype: torch.dtype,
    reading: _Reading,
) -> None:
    """Replace every meta parameter by its stored tensor."""
    for name, tensor in _tensors(stored, device):
        assign_weight(model, name, tensor.to(dtype))
        reading.add(stored[name].size)


def _finish(model: OmniModel) -> None:
    """Share and lock what is shared and locked; everything has been read."""
    if model.config.llm.tie_word_embeddings:
        model.llm.lm_head.weight = model.llm.model.embed_tokens.weight
    for module in model.modules():
        if isinstance(module, HostTable):
            module.lock()
    left = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
    assert not left, left


def _fill_quantized(
    model: OmniModel,
    stored: Mapping[str, StoredTensor],
    formats: Mapping[str, TensorFormat],
    store: MatrixStore,
    device: torch.device,
    dtype: torch.dtype,
    reading: _Reading,
) -> None:
    """Give all quantised layers their matrices: those of the store, or new ones."""

    def take(name: str, matrix: QuantizedMatrix) -> None:
        assign_matrix(model, name, matrix, dtype)

    if store.load(take, device):
        reading.add(sum(tensor.size for tensor in stored.values()))
        return
    with store.recording() as record:
        for name, tensor in _tensors(stored, device):
            matrix = quantize(tensor, formats[name])
            record(name, matrix)
            take(name, matrix)
            reading.add(stored[name].size)
    return_free_memory()


def return_free_memory() -> None:
    """Give back to the system what the C library keeps of freed memory, where it can (glibc).

    Quantising on a CPU leaves several times the model behind otherwise, free but not given back.
    """
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


def _tensors(
    stored: Mapping[str, StoredTensor], device: torch.device
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield name and tensor on ``device``, file by file, each read when it is its turn."""
    for path in sorted({tensor.file for tensor in stored.values()}):
        names = [name for name, tensor in stored.items() if tensor.file == path]
        with safe_open(path, framework='pt', device=str(device)) as file:
            for name in names:
                yield name, file.get_tensor(name)


def assign_weight(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Make ``tensor`` the parameter called ``name``."""
    owner, _, leaf = name.rpartition('.')
    setattr(model.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))
