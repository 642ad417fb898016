# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes of a robot assistant that sees, hears and speaks at the same time."""

from pkgutil import extend_path

# The generated message package (``minicpmo_ros.msg``) lives in another folder when the
# sources are imported from a checkout: join both.
__path__ = extend_path(__path__, __name__)
__version__ = '0.1.0'
