# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Give every interpreter of the virtual environment the ROS environment, without sourcing.

``scripts/set_up.py`` copies this file beside a ``.pth`` file that imports it at start-up, before
the start-up hook of the ROS 2 wheels, which restarts the interpreter once so that the loader sees
``LD_LIBRARY_PATH``. A sourced ROS installation is left out, never mixed in: its compiled modules
belong to another interpreter.
"""

import os
from pathlib import Path
import sys

MARKER = '_MINICPMO_WORKSPACE'


def without_ros(search_path: str, evidence: str) -> str:
    """Return ``search_path`` without the folders that hold ``evidence`` (a file or folder)."""
    folders = [folder for folder in search_path.split(os.pathsep) if folder]
    return os.pathsep.join(f for f in folders if not (Path(f) / evidence).exists())


def activate(root: str) -> None:
    """Set the search paths of ROS for the checkout at ``root``, once per process tree."""
    install = Path(root) / 'install'
    for path in sorted(str(path) for path in install.glob('l*/**/python3*/*-packages')):
        if path not in sys.path:
            # After the sources: only generated code comes from here.
            sys.path.append(path)
    if os.environ.get(MARKER) == str(install):
        return
    libraries = without_ros(os.environ.get('LD_LIBRARY_PATH', ''), 'librcl.so')
    os.environ[MARKER] = str(install)
    os.environ['AMENT_PREFIX_PATH'] = os.pathsep.join([str(install), sys.prefix])
    os.environ['LD_LIBRARY_PATH'] = os.pathsep.join(filter(None, [f'{install}/lib', libraries]))
    if 'PYTHONPATH' in os.environ:
        os.environ['PYTHONPATH'] = without_ros(os.environ['PYTHONPATH'], 'rclpy')
    # The wheels' hook must run (again), so that the loader sees the new path.
    os.environ.pop('_ROS_WHEELS_BOOTSTRAP_COMPLETE', None)
