# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Install the engine and the logic with pip, without ROS; colcon uses CMakeLists.txt instead."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def requirements(name: str) -> list[str]:
    """Return the lines of a requirement file that are requirements."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


engine_packages = find_packages('model', include=['minicpmo', 'minicpmo.*'])
logic_packages = find_packages('.', include=['minicpmo_ros', 'minicpmo_ros.*'])

setup(
    name='minicpmo_ros',
    version='0.1.0',
    description='Full-duplex omni-modal assistant for ROS 2 robots (MiniCPM-o 4.5)',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    package_dir={'minicpmo': 'model/minicpmo'},
    packages=[*engine_packages, *logic_packages],
    package_data={'minicpmo_ros': ['demo/*.html', '*/*.safetensors']},
    install_requires=requirements('engine'),
    extras_require={
        'gpu': ['triton>=3.0; platform_system == "Linux"'],
        'quantization': ['torchao>=0.14'],
        'audio': requirements('audio'),
        'media': requirements('media'),
        'home': requirements('home'),
        'dev': requirements('dev'),
    },
    entry_points={'console_scripts': ['minicpmo-assistant = minicpmo_ros.bringup:main']},
)
