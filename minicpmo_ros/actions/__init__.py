# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is said or seen becomes an allowed robot action, and nothing else."""
