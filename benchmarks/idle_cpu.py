# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure the processor time of the whole node set while the model has nothing to do.

The set is started as by ``minicpmo-assistant``, one process per node, without a sound card and
with no model loaded, so that only the nodes themselves are measured.

python -m benchmarks.idle_cpu [--seconds 30] [--record]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np

from benchmarks.measurement import print_and_record, summary
from benchmarks.process_usage import processor_seconds, resident_bytes
from minicpmo_ros.bringup import Bringup
from minicpmo_ros.node_table import ASSISTANT

# Loading of modules and discovery are over by then [s].
WARM_UP = 12.0
PARAMETERS = """
/**/inference_node:
  ros__parameters:
    autostart: false
/**/audio_device_node:
  ros__parameters:
    device: none
"""


def main() -> None:
    """Start the set, measure each second and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=int, default=30)
    parser.add_argument('--record', action='store_true', help='write results/idle_cpu.json')
    options = parser.parse_args()
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
        file.write(PARAMETERS)
        file.flush()
        with Bringup(ASSISTANT, {'params_file': file.name, 'namespace': 'idle'}) as bringup:
            time.sleep(WARM_UP)
            samples = [_usage(bringup)]
            for _ in range(options.seconds):
                time.sleep(1.0)
                samples.append(_usage(bringup))
            ended = bringup.ended()
            memory = {p.name: round(resident_bytes(p.pid) / 1e6) for p in bringup.processes}
    if ended is not None:
        raise SystemExit(f'{ended.name} ended: {ended.last_line}')
    names = memory.keys()
    per_second = 100 * np.diff([[usage[name] for name in names] for usage in samples], axis=0)
    rows = {
        name: summary(per_second[:, position], '% of a core')
        for position, name in enumerate(names)
    }
    rows['whole set'] = summary(per_second.sum(axis=1), '% of a core')
    mean = {
        name: round(float(value), 2)
        for name, value in zip(names, per_second.mean(axis=0), strict=True)
    }
    mean['whole set'] = round(sum(mean.values()), 2)
    print_and_record('idle_cpu', rows, options.record, mean_percent=mean, memory_megabytes=memory)
    print(f'mean [% of a core]: {mean}')
    print(f'memory [MB]: {memory}')


def _usage(bringup: Bringup) -> dict[str, float]:
    return {process.name: processor_seconds(process.pid) for process in bringup.processes}


if __name__ == '__main__':
    main()
