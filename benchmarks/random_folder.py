# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a model folder of the real sizes with random weights, to measure loading it.

``python -m benchmarks.random_folder FOLDER`` writes 19 GB in bfloat16 within seconds where there
is memory for it; then ``python -m benchmarks.start_up --model FOLDER``. Contents do not change the
work; the words of nano's tokenizer stand for the real ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
import json
from math import prod
from pathlib import Path
import shutil
import struct
import time

import numpy as np
import torch

from benchmarks.latency.model_size import SIZES, WEIGHT_SPREAD, Size, random_prompt
from minicpmo.checkpoint import empty_model, expected_shapes
from minicpmo.shard import INDEX_FILE
from minicpmo.speech.flow_cache import Generation
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_assets import SIZES_FILE
from minicpmo.speech.voice import Voice

NANO = Path(__file__).resolve().parents[1] / 'model' / 'nano'
SHARD_BYTES = 2 << 30
THREADS = 8
CLIP_SAMPLES = 80000
TYPES = {torch.bfloat16: 'BF16', torch.float32: 'F32'}

Shapes = Mapping[str, tuple[int, ...]]


def write_folder(folder: Path, size: Size) -> None:
    """Write everything ``Engine.load`` reads for a model with speech."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        shutil.copy(NANO / name, folder)
    (folder / 'config.json').write_text(json.dumps(size.model.to_dict()))
    write_shards(folder, expected_shapes(empty_model(size.model)), torch.bfloat16)
    if size.sound is not None:
        _write_sound(folder / 'assets', size)


def write_shards(folder: Path, shapes: Shapes, dtype: torch.dtype) -> None:
    """Write tensors of these shapes as a release is written: several files and their index."""
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    filled = 0
    for name, shape in shapes.items():
        filled += prod(shape) * dtype.itemsize
        if filled > SHARD_BYTES and shards[-1]:
            shards.append({})
            filled = prod(shape) * dtype.itemsize
        shards[-1][name] = shape
    names = [f'model-{number:05d}.safetensors' for number in range(1, len(shards) + 1)]
    values = _random_values(shapes, dtype)
    with ThreadPoolExecutor(THREADS) as pool:
        paths = [folder / name for name in names]
        list(pool.map(lambda path, shard: write_file(path, shard, dtype, values), paths, shards))
    index = {name: file for file, shard in zip(names, shards, strict=True) for name in shard}
    (folder / INDEX_FILE).write_text(json.dumps({'metadata': {}, 'weight_map': index}))


def write_file(path: Path, shapes: Shapes, dtype: torch.dtype, values: np.ndarray) -> None:
    """Write one safetensors file; every tensor begins with the same random ``values``, uint8."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + prod(shape) * dtype.itemsize
        header[name] = {'dtype': TYPES[dtype], 'shape': shape, 'data_offsets': (start, end)}
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for shape in shapes.values():
            file.write(values[: prod(shape) * dtype.itemsize].data)


def _random_values(shapes: Shapes, dtype: torch.dtype) -> np.ndarray:
    """Return the bytes of as many small random numbers as the largest tensor has."""
    period = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)) * WEIGHT_SPREAD
    count = max(prod(shape) for shape in shapes.values())
    values = period.to(dtype).repeat(-(-count // len(period)))
    return values.view(torch.uint8).numpy()


def _write_sound(assets: Path, size: Size) -> None:
    """Write flow, vocoder and a voice of five seconds."""
    assert size.sound is not None
    folder = assets / 'token2wav'
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device('meta'):
        sound = Token2Wav.empty(size.sound, Generation.ORIGINAL)
    for name, module in (('flow', sound.flow), ('hift', sound.vocoder)):
        shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
        values = _random_values(shapes, torch.float32)
        write_file(folder / f'{name}.safetensors', shapes, torch.float32, values)
    if size is not SIZES['full']:
        (folder / SIZES_FILE).write_text(json.dumps(asdict(size.sound)))
    prompt = random_prompt(size.sound, torch.device('cpu'))
    Voice(prompt, 0.1 * torch.randn(CLIP_SAMPLES)).save(assets / 'voice.safetensors')


def main() -> None:
    """Write the folder and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--size', choices=SIZES, default='full')
    options = parser.parse_args()
    begun = time.perf_counter()
    write_folder(options.folder, SIZES[options.size])
    print(f'{options.folder} written in {time.perf_counter() - begun:.1f} s')


if __name__ == '__main__':
    main()
