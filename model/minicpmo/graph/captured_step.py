# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns functions on static buffers into CUDA graphs; elsewhere they are called as they are.

A *step* is a function without arguments and result: it reads buffers, computes with fixed shapes,
and copies what it found into buffers. All of these buffers were allocated before. So

* a replay needs nothing from the host but the launch;
* the memory pool of the graphs holds scratch only, and graphs that share it may be replayed in any
  order, as long as only one of them runs at a time;
* without CUDA the same function computes the same on the same buffers, which is how the tests
  prove it.

Inside a step nothing may wait for the device, depend on a value for its shape, draw random
numbers, or keep a tensor for later. Lengths are tensors on the device, noise is a buffer.
"""

from __future__ import annotations

from collections.abc import Callable
import logging

import torch

_LOGGER = logging.getLogger(__name__)

Step = Callable[[], None]

WARM_UP_RUNS = 2
"""Library handles, workspaces and lazily made constants must exist before a capture begins."""


class GraphPool:
    """Captures the steps of one stream of work, which share scratch memory.

    Steps of two pools may run at the same time on two streams: scratch memory and the workspaces
    of the libraries, which belong to the stream of the capture, are not shared.

    captured: number of graphs. failure: why steps run eagerly on a CUDA device, '' if they do not.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.captured = 0
        self.failure = ''
        self._handle = self._stream = None
        if device.type == 'cuda':
            self._handle = torch.cuda.graph_pool_handle()
            self._stream = torch.cuda.Stream(device)

    def capture(self, step: Step) -> Step:
        """Return a function that does what ``step`` does, as one launch where there is CUDA.

        Runs the step several times. If it cannot be captured, this and all later ones of the pool
        run eagerly, and the reason is logged once.
        """
        if self.device.type != 'cuda' or self.failure:
            step()
            return step
        try:
            graph = self._record(step)
        except RuntimeError as error:
            self.failure = str(error).strip().splitlines()[0]
            _LOGGER.warning('no CUDA graphs, running eagerly: %s', self.failure)
            return step
        self.captured += 1
        return graph.replay

    def _record(self, step: Step) -> torch.cuda.CUDAGraph:
        current = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UP_RUNS):
                step()
        current.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        # Other threads, such as one that loads a second session, may go on allocating meanwhile.
        mode = 'thread_local'
        try:
            with torch.cuda.graph(graph, self._handle, self._stream, capture_error_mode=mode):
                step()
        finally:
            # A capture that fails at its end would leave its stream behind as the current one.
            torch.cuda.set_stream(current)
        return graph


def doubling_sizes(smallest: int, largest: int) -> tuple[int, ...]:
    """Return smallest, 2 * smallest, .. below ``largest``, and ``largest`` itself."""
    sizes = []
    while smallest < largest:
        sizes.append(smallest)
        smallest *= 2
    return (*sizes, largest)
