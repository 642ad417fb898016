# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Print what a model takes on a GPU, per number format; nothing is loaded or measured.

``python -m benchmarks.memory_table`` computes the table of docs/models.md from the official
shapes.
"""

from __future__ import annotations

import argparse

import torch

from benchmarks.latency.model_size import PROMPT_CODES, SIZES
from minicpmo.checkpoint import empty_model, expected_shapes
from minicpmo.memory_plan import MemoryRequest, plan_memory
from minicpmo.quantization.scheme import Quantization
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE

GIGABYTE, GIB = 1e9, 1 << 30


def main() -> None:
    """Print one line per number format, and whole plans if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', choices=SIZES, default='full')
    parser.add_argument('--context', type=int, default=8192, help='tokens of a session')
    parser.add_argument('--graphs', action='store_true', help='with captured CUDA graphs')
    parser.add_argument('--offload', action='store_true', help='tables and voice on the host')
    parser.add_argument('--plans', action='store_true', help='print every line of every plan')
    options = parser.parse_args()
    config = SIZES[options.size].model
    shapes = expected_shapes(empty_model(config))
    for kind in Quantization:
        plan = plan_memory(
            MemoryRequest(
                config,
                shapes,
                torch.bfloat16,
                options.context,
                device_type='cuda',
                quantization=kind,
                voice_frames=PROMPT_CODES * FRAMES_PER_CODE,
                cuda_graphs=options.graphs,
                offload=options.offload,
            )
        )
        print(
            f'{kind.value:<5} weights {plan.weights / GIGABYTE:6.2f} GB, '
            f'allocated {plan.allocated / GIGABYTE:6.2f} GB, '
            f'total with CUDA {plan.total / GIGABYTE:6.2f} GB = {plan.total / GIB:6.2f} GiB, '
            f'on the host {plan.host / GIGABYTE:5.2f} GB'
        )
        if options.plans:
            print(plan.table())


if __name__ == '__main__':
    main()
