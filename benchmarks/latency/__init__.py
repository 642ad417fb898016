# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the latency of one unit is measured with: models, scripted units, engines, floor."""
