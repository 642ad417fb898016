# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every stage check is made of: a function from recorded vectors to result lines.

A stage is written as::

    @stage('mel', needs=('mel.json', 'mel.safetensors'))
    def check_mel(vectors: Vectors) -> Iterator[StageResult]:
        comparison = Comparison('mel', tolerance=1e-5)
        comparison.add('offline', actual, expected)
        yield comparison.result()

and its module is listed in ``minicpmo.checks.registry.STAGE_MODULES``. A stage reads nothing but
``vectors`` and hard-codes no size: whatever a recorded file lacks raises and fails the stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Optional

import numpy as np
import torch

from minicpmo.checks.vectors import Vectors

StageFunction = Callable[[Vectors], Iterator['StageResult']]


@dataclass(frozen=True)
class StageResult:
    """One printed line: how far one stage is from its recording.

    max_abs: largest absolute error, or None where only equality of decisions counts.
    max_rel: the same divided by the largest magnitude of the tensor it occurred in.
    absent: the recorded set has nothing for this stage; nothing was checked.
    """

    name: str
    passed: bool
    max_abs: Optional[float] = None
    max_rel: Optional[float] = None
    tolerance: Optional[float] = None
    detail: str = ''
    absent: bool = False

    @classmethod
    def nothing(cls, name: str, files: Iterable[str]) -> StageResult:
        """Return the line that says that a recorded set lacks a whole stage."""
        detail = f'not checked: the folder has no {", ".join(files)}'
        return cls(name, False, detail=detail, absent=True)

    def line(self) -> str:
        """Return the line that is printed for this result."""
        status = 'none' if self.absent else 'ok  ' if self.passed else 'FAIL'
        numbers = ''
        if self.max_abs is not None:
            numbers = (
                f' max_abs {self.max_abs:.3e} max_rel {self.max_rel or 0.0:.3e}'
                f' tolerance {self.tolerance or 0.0:.0e}'
            )
        return f'{status} {self.name:<28}{numbers}{"  " + self.detail if self.detail else ""}'


@dataclass(frozen=True)
class Stage:
    """A named check, the files of the folder it needs, and its function."""

    name: str
    needs: tuple[str, ...]
    run: StageFunction


def stage(name: str, needs: Iterable[str]) -> Callable[[StageFunction], Stage]:
    """Turn a generator function into a :class:`Stage`; the module attribute is what is found."""

    def wrap(function: StageFunction) -> Stage:
        return Stage(name, tuple(needs), function)

    return wrap


@dataclass
class Comparison:
    """Collects the largest error over many tensors of one stage.

    tolerance: largest absolute error allowed; 0 demands equality of every value.
    """

    name: str
    tolerance: float
    max_abs: float = 0.0
    max_rel: float = 0.0
    count: int = 0
    worst: str = ''
    problems: list[str] = field(default_factory=list)

    def add(self, label: str, actual: object, expected: object) -> None:
        """Compare one pair of arrays or tensors; a wrong shape or a NaN is a failure."""
        self.count += 1
        got, want = _as_float64(actual), _as_float64(expected)
        if got.shape != want.shape:
            self.fail(f'{label}: shape {got.shape} instead of {want.shape}')
            return
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        with np.errstate(invalid='ignore'):  # inf - inf where both are equal
            error = np.where(same, 0.0, np.abs(got - want))
        if error.size == 0:
            return
        largest = float(error.max()) if np.isfinite(error).all() else float('inf')
        finite = want[np.isfinite(want)]
        scale = float(np.abs(finite).max()) if finite.size else 0.0
        if largest > self.max_abs:
            self.max_abs, self.worst = largest, label
        self.max_rel = max(self.max_rel, largest / scale if scale > 0 else largest)

    def equal(self, label: str, actual: object, expected: object) -> None:
        """Demand equality of two plain values (ids, lengths, text, hashes)."""
        self.count += 1
        if actual != expected:
            self.fail(f'{label}: {_short(actual)} instead of {_short(expected)}')

    def fail(self, problem: str) -> None:
        """Record a failure that no number expresses."""
        self.problems.append(problem)

    def result(self) -> StageResult:
        """Return the line for everything compared so far; comparing nothing is a failure."""
        problems = self.problems if self.count else [*self.problems, 'nothing was compared']
        passed = not problems and self.max_abs <= self.tolerance
        detail = '; '.join(problems[:2])
        if not detail:
            detail = f'{self.count} compared' + (f', worst {self.worst}' if self.worst else '')
        return StageResult(self.name, passed, self.max_abs, self.max_rel, self.tolerance, detail)


def _as_float64(value: object) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        return value.detach().to('cpu', torch.float64).numpy()
    return np.asarray(value, dtype=np.float64)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + '...'
