# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what one second of conversation costs, stage by stage.

``python -m benchmarks.unit_latency --size nano`` prints p50, p95 and maximum of every stage of
listening units, of such with a picture, and of speaking units in the middle of a turn (8 text
tokens and 25 speech codes, one second of sound), the number of language model forwards and of
vocabulary rows, the bytes of the caches, and how far decoding is from the physical floor.

On a CUDA device the hot path is measured as it comes and as CUDA graphs, in the same run and on
the same weights; ``--cuda-graphs true`` or ``false`` measures one of them. On a machine with an
H100 or H200, ``python -m benchmarks.unit_latency --size full --record`` measures everything.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.latency.compiled_engine import CompiledEngine
from benchmarks.latency.copy_bandwidth import copy_bandwidth, decode_bytes
from benchmarks.latency.device_memory import GIGABYTE, device_memory, forget_memory
from benchmarks.latency.model_size import PROMPT_CODES, SIZES, RandomWeights
from benchmarks.latency.session_engine import SessionEngine
from benchmarks.latency.unit_engine import UnitCost, UnitEngine, UnitKind, load_adapter
from benchmarks.measurement import print_and_record, summary
from minicpmo.attention_choice import ATTENTION_NAMES
from minicpmo.available_memory import available_memory, shares_memory
from minicpmo.checkpoint import empty_model, expected_shapes
from minicpmo.engine import DTYPES, choose_device, choose_dtype
from minicpmo.errors import ConfigurationError
from minicpmo.graph.execution import Execution
from minicpmo.memory_advice import require_fit
from minicpmo.memory_plan import MemoryRequest
from minicpmo.quantization.scheme import Quantization, require_hardware
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE

WARM_UP = 3
TEXT_TOKENS = 8
MILLISECONDS = 1e3
SHORTEST_MS = 0.01
"""A stage that a kind of unit does not have takes less."""
OFFICIAL_FORWARDS = {
    'listen': '3',
    'listen with picture': '6',
    'speak': 'n + 3',
    'speak with picture': 'n + 6',
}
"""Counted in the official code, for comparison; n tokens are fed, ``<|speak|>`` among them."""


Costs = dict[str, list[UnitCost]]
"""Measured units by the name of their kind."""


def measure(engine: UnitEngine, kinds: Sequence[UnitKind], count: int) -> Costs:
    """Return the cost of ``count`` units of every kind, after a warm-up."""
    costs: Costs = {}
    for kind in kinds:
        for _ in range(WARM_UP):
            engine.run(kind)
        costs[kind.name] = [engine.run(kind) for _ in range(count)]
    return costs


def rows_of(engine: UnitEngine, costs: Costs) -> dict[str, dict[str, Any]]:
    """Return one statistics row per unit kind and stage [ms], with the counts."""
    rows = {}
    for kind, units in costs.items():
        for stage in units[0].stages:
            times = np.array([unit.stages[stage] for unit in units]) * MILLISECONDS
            if times.max() > SHORTEST_MS:
                rows[f'{engine.name} {kind} {stage}'] = summary(times, 'ms')
    return rows


def counts_of(engine: UnitEngine, costs: Costs) -> dict[str, Any]:
    """Return forwards and vocabulary rows per unit kind, and the bytes of the caches."""
    counts: dict[str, Any] = {'cache_bytes': engine.cache_bytes}
    for kind, units in costs.items():
        counts[kind] = {
            'forwards': sorted({unit.forwards for unit in units if unit.forwards is not None}),
            'vocabulary_rows': sorted(
                {unit.vocabulary_rows for unit in units if unit.vocabulary_rows is not None}
            ),
        }
    return counts


def floor_of(
    size: str,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
    speaking: Sequence[UnitCost],
) -> dict[str, float]:
    """Return the bandwidth, the floor of one decoded token and the measured ratio to it."""
    bandwidth = copy_bandwidth(device)
    floor = decode_bytes(SIZES[size].model.llm, dtype, quantization) / bandwidth
    decoded = np.median([unit.stages['decode'] / (unit.forwards - 1) for unit in speaking])
    return {
        'copy_gigabytes_per_second': bandwidth / 1e9,
        'floor_ms_per_token': floor * MILLISECONDS,
        'decode_ms_per_token': float(decoded) * MILLISECONDS,
        'ratio_to_floor': float(decoded) / floor,
    }


NewEngine = Callable[[], UnitEngine]


def session_engines(
    options: argparse.Namespace,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
) -> list[NewEngine]:
    """Return what makes this project's engines that are to be measured, on the same weights.

    They are made one after the other, so that each one's memory can be told.
    """
    weights = RandomWeights.make(options.size, device, dtype, quantization, options.offload)
    kinds = [options.cuda_graphs]
    if options.cuda_graphs == 'both':
        kinds = ['false', 'true'] if device.type == 'cuda' else ['false']
    config = SIZES[options.size].model.llm
    chosen = Execution.choose('true', options.attention, config, device, dtype)
    made: list[NewEngine] = []
    for kind in kinds:
        execution = replace(chosen, fixed_shapes=kind == 'true')
        common = options.size, device, dtype, options.context
        made.append(partial(SessionEngine, *common, execution, weights))
    if options.compile:
        made.append(partial(CompiledEngine, *common, weights))
    return made


def require_memory(
    options: argparse.Namespace,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
) -> dict[str, float]:
    """Print and return the plan; raise ConfigurationError if the model does not fit."""
    require_hardware(quantization, device, dtype)
    config = SIZES[options.size].model
    shapes = expected_shapes(empty_model(config))
    request = MemoryRequest(
        config,
        shapes,
        dtype,
        device_type=device.type,
        quantization=quantization,
        voice_frames=PROMPT_CODES * FRAMES_PER_CODE,
        cuda_graphs=options.cuda_graphs != 'false',
        offload=options.offload,
        shared_memory=shares_memory(device),
    )
    plan = require_fit(request, available_memory(device), device)
    print(plan.table())
    return {'allocated_gb': plan.allocated / GIGABYTE, 'total_gb': plan.total / GIGABYTE}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.unit_latency', description=__doc__)
    parser.add_argument('--size', choices=SIZES, default='nano')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument('--dtype', default='auto', choices=('auto', *DTYPES))
    parser.add_argument(
        '--quantization', default='none', choices=[kind.value for kind in Quantization]
    )
    parser.add_argument(
        '--cuda-graphs',
        default='both',
        choices=('both', 'true', 'false'),
        help='both: as it comes and captured on CUDA, as it comes elsewhere',
    )
    parser.add_argument('--offload', action='store_true', help='tables and voice on the host')
    parser.add_argument('--attention', default='auto', choices=ATTENTION_NAMES)
    parser.add_argument('--compile', action='store_true', help='also with a compiled decode step')
    parser.add_argument('--units', type=int, default=40, help='measured units of every kind')
    parser.add_argument('--plain-units', type=int, help='the same for uncaptured steps')
    parser.add_argument('--context', type=int, default=0, help='rows in the cache beforehand')
    parser.add_argument('--threads', type=int, help='threads of torch on the CPU')
    parser.add_argument('--adapter', action='append', default=[], help='FILE.py:CLASS, repeatable')
    parser.add_argument('--record', action='store_true', help='write benchmarks/results')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 with a message if the model cannot be measured here."""
    options = parse(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        device = choose_device(options.device)
        dtype = choose_dtype(options.dtype, device)
        quantization = Quantization.parse(options.quantization)
        plan = require_memory(options, device, dtype, quantization)
        engines = session_engines(options, device, dtype, quantization)
        adapters = [load_adapter(a) for a in options.adapter]
    except ConfigurationError as error:
        print(error)
        return 1
    engines += [partial(adapter, options.size, device, dtype) for adapter in adapters]
    run(options, engines, device, dtype, plan)
    return 0


def run(
    options: argparse.Namespace,
    engines: Sequence[NewEngine],
    device: torch.device,
    dtype: torch.dtype,
    plan: dict[str, float],
) -> None:
    """Measure all engines one after the other and print the table."""
    side = SIZES[options.size].model.slicing.scale_resolution
    kinds = (
        UnitKind('listen'),
        UnitKind('listen with picture', side),
        UnitKind('speak', 0, TEXT_TOKENS),
        UnitKind('speak with picture', side, TEXT_TOKENS),
    )
    rows, counts, floors, runs = {}, {}, {}, {}
    memory = {'planned': plan}
    for new_engine in engines:
        forget_memory(device)
        engine = new_engine()
        fewer = isinstance(engine, SessionEngine) and not engine.execution.fixed_shapes
        count = options.plain_units if fewer and options.plain_units else options.units
        costs = measure(engine, kinds, count)
        memory[engine.name] = device_memory(device)
        rows.update(rows_of(engine, costs))
        counts[engine.name] = counts_of(engine, costs)
        if isinstance(engine, SessionEngine):
            floors[engine.name] = floor_of(
                options.size, device, dtype, Quantization(options.quantization), costs['speak']
            )
            runs[engine.name] = f'{engine.runs}; ready after {engine.warm_up_seconds:.1f} s'
        engine.close()
        del engine
    hardware = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'
    details = {
        'device': hardware,
        'dtype': str(dtype).removeprefix('torch.'),
        'quantization': options.quantization,
        'offload': options.offload,
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'text_tokens': TEXT_TOKENS,
        'counts': counts,
        'official_forwards': OFFICIAL_FORWARDS,
        'floor': floors,
        'runs': runs,
        'memory': memory,
    }
    name = f'unit_latency_{options.size}_{device.type}_{details["dtype"]}'
    if options.quantization != 'none':
        name = f'{name}_{options.quantization}'
    if options.offload:
        name = f'{name}_offload'
    print_and_record(name, rows, options.record, **details)
    print_details(details)


def print_details(details: dict[str, Any]) -> None:
    """Print how the engines ran, their counts and floors, and memory below the table of times."""
    for engine, line in details['runs'].items():
        print(f'{engine}: {line}')
    for engine, values in details['counts'].items():
        print(f'{engine} caches: {values.pop("cache_bytes") / (1 << 20):.1f} MiB')
        for kind, numbers in values.items():
            print(
                f'{engine} {kind}: forwards {numbers["forwards"]}, '
                f'vocabulary rows {numbers["vocabulary_rows"]} '
                f'(official code: {OFFICIAL_FORWARDS[kind]} forwards)'
            )
    for engine, floor in details['floor'].items():
        for name, value in floor.items():
            print(f'{engine} {name} {value:.4g}')
    for owner, values in details['memory'].items():
        for name, value in values.items():
            print(f'{owner} {name} {value:.2f}')


if __name__ == '__main__':
    raise SystemExit(main())
