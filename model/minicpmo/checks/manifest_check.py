# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of the recorded weights against the model their config describes."""

from __future__ import annotations

from collections.abc import Iterator

from minicpmo.checkpoint import SPEECH_TABLE, empty_model, expected_shapes
from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.shard import differences, read_header


@stage('manifest', needs=('config.json', 'weights.safetensors'))
def check_manifest(vectors: Vectors) -> Iterator[StageResult]:
    """Demand that the file holds every tensor of the model and no other."""
    stored = read_header(vectors.path('weights.safetensors'))
    config = ModelConfig.from_dict(vectors.config['model'])
    table = stored.get(SPEECH_TABLE)
    model = empty_model(config, table.shape[0] if table is not None else None)
    expected = expected_shapes(model)
    comparison = Comparison('manifest', tolerance=0.0)
    comparison.count = len(expected)
    for line in differences(expected, stored):
        comparison.fail(line)
    yield comparison.result()
