# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The language model in 8 or 4 bits: which tensor how, made by what, computed by what."""
