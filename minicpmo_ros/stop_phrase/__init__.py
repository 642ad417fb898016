# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recognises a few stop phrases on the robot itself, without the big model."""
