# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The proactive side of the assistant on a virtual clock; used by ``benchmarks.proactive``."""
