# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The hot path with fixed shapes: steps on static buffers, captured as CUDA graphs."""
