# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well the model keeps up, in one word and one sentence."""

from __future__ import annotations

from minicpmo_ros.diagnostics import Level
from minicpmo_ros.inference.load_shedding import Rung
from minicpmo_ros.inference.worker import InferenceWorker


def judge(worker: InferenceWorker, malformed: int) -> tuple[Level, str]:
    """Return level and message of the diagnostics; ``malformed``: units that were dropped."""
    if worker.state.failed:
        return Level.ERROR, f'the model failed: {worker.state.last_error}; call ~/reset'
    if worker.queue.lost:
        return Level.ERROR, 'units were lost: this machine is too slow for this model'
    shedding = worker.ladder.shedding(worker.units_behind)
    if shedding.rung is not Rung.EVERYTHING:
        return Level.WARN, f'too slow: {shedding.rung.says} ({shedding.reason})'
    if malformed:
        return Level.WARN, 'malformed units were dropped'
    return Level.OK, 'keeping up'
