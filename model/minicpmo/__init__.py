# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Streaming inference engine for MiniCPM-o 4.5: sees, hears and speaks at the same time."""

__version__ = '0.1.0'
