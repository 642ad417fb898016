# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Comparisons with vectors recorded from the official code, one module per stage."""
