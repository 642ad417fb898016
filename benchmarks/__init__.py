# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The measured claims; each module is a command: python -m benchmarks.NAME."""
