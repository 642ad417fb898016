# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is measured: an engine that runs units of a given kind and tells what they cost.

Another engine is put beside this one by a file with a class that implements
:class:`UnitEngine`::

    python -m benchmarks.unit_latency --size full --adapter scratch/official.py:OfficialEngine

The class is constructed with (size name, torch.device, torch.dtype) and has to do the same work:
the same shapes, the given number of text tokens, one second of speech.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import importlib.util
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from minicpmo.errors import ConfigurationError


@dataclass(frozen=True)
class UnitKind:
    """A unit to measure.

    picture: side of the square picture that comes with the second of audio [pixels], 0 = none.
    text_tokens: tokens said after ``<|speak|>``; 0 = the model listens.
    """

    name: str
    picture: int = 0
    text_tokens: int = 0

    @property
    def speaks(self) -> bool:
        """Return whether the model speaks in this unit."""
        return self.text_tokens > 0


@dataclass
class UnitCost:
    """What one unit took.

    stages: seconds by stage; an engine names its own, 'total' is the whole unit and 'processor'
        what the process computed meanwhile (more than 'total' with several threads, less when
        the machine was busy with something else).
    forwards: runs of the language model. vocabulary_rows: rows its vocabulary head computed.
    None where an engine cannot tell.
    """

    stages: dict[str, float] = field(default_factory=dict)
    forwards: int | None = None
    vocabulary_rows: int | None = None


class UnitEngine(Protocol):
    """An engine under measurement.

    name: shown in the table. cache_bytes: what one session holds besides the weights.
    """

    name: str
    cache_bytes: int

    def run(self, kind: UnitKind) -> UnitCost:
        """Run the next unit of one endless session; the device has finished on return."""

    def close(self) -> None:
        """Free everything."""


class RandomInput:
    """Audio and pictures for units, the same in every run."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)

    def audio(self) -> np.ndarray:
        """Return a second of noise, float32 [16000]."""
        return (self._random.standard_normal(16000) * 0.1).astype(np.float32)

    def picture(self, side: int) -> np.ndarray:
        """Return a square picture, uint8 [side, side, 3]."""
        return self._random.integers(0, 256, (side, side, 3), dtype=np.uint8)


def load_adapter(path_and_class: str) -> Callable[[str, torch.device, torch.dtype], UnitEngine]:
    """Return the class ``FILE.py:CLASS``; raise ConfigurationError if it cannot be had."""
    path, _, name = path_and_class.rpartition(':')
    if not Path(path).is_file():
        raise ConfigurationError(f'adapter {path_and_class!r}: no such file; use FILE.py:CLASS')
    spec = importlib.util.spec_from_file_location('latency_adapter', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise ConfigurationError(f'adapter {path_and_class!r}: {path} has no class {name!r}')
    return getattr(module, name)
