# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Work that runs beside the work that comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class SideStream:
    """A second CUDA stream; on other devices everything simply runs in order.

    The host has to wait for the result, for example by copying it, before it changes what the
    side stream reads.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == 'cuda' else None

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Launch inside the block what needs everything launched so far, and nothing later."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with self.resume():
            yield

    def keep(self, tensor: Tensor) -> None:
        """Keep the memory of a tensor of another stream until what is launched here is done."""
        if self._stream is not None:
            tensor.record_stream(self._stream)

    @contextmanager
    def resume(self) -> Iterator[None]:
        """Launch inside the block what follows on the side stream."""
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            yield
