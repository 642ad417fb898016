# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build the package (messages included) with colcon into ``install/``, when it is out of date.

Runs inside the virtual environment. ``audio_common_msgs`` is built too where no installed
package of that name exists, and so are the interfaces of the tests; their sources are assembled
below ``build/``, because colcon does not look below a folder that has a package.xml.
"""

import argparse
import hashlib
import os
from pathlib import Path
import shutil
import subprocess
import sys

ROOT = Path(__file__).resolve().parents[1]
STAMP = ROOT / 'install' / '.build.sha256'
TEMPLATES = ROOT / 'cmake'
ASSEMBLED = ROOT / 'build' / 'interface'
AUDIO_PACKAGE = 'audio_common_msgs'
TEST_PACKAGE = 'minicpmo_test_interfaces'


def build_hash() -> str:
    """Return a hash over everything whose change asks for a new build.

    Python files are left out: the sources of a checkout run directly, only the generated
    messages and the executables come from ``install/``.
    """
    digest = hashlib.sha256(sys.version.encode())
    patterns = ('package.xml', 'CMakeLists.txt', 'cmake/**/*', 'msg/*.msg', 'scripts/*_node')
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        if path.is_file():
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def has_installed_audio_messages() -> bool:
    """Return whether a package audio_common_msgs exists outside of this workspace."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    index = 'share/ament_index/resource_index/packages/audio_common_msgs'
    return any((Path(p) / index).exists() for p in prefixes if p and Path(p) != ROOT / 'install')


def assemble_package(name: str) -> Path:
    """Copy the sources of an interface package below ``build/`` and return their folder."""
    package = ASSEMBLED / name
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(TEMPLATES / name, package)
    (package / 'package.xml.template').rename(package / 'package.xml')
    (package / 'cmake').mkdir()
    shutil.copy(TEMPLATES / 'message_library.cmake', package / 'cmake')
    return package


def colcon_command() -> list[str]:
    """Return the colcon command line that builds the workspace."""
    paths = [str(ROOT), str(assemble_package(TEST_PACKAGE))]
    if not has_installed_audio_messages():
        paths.append(str(assemble_package(AUDIO_PACKAGE)))
    return [
        *(sys.executable, '-m', 'colcon', '--log-base', str(ROOT / 'log'), 'build'),
        *('--merge-install', '--base-paths', *paths, '--build-base', str(ROOT / 'build')),
        *('--install-base', str(ROOT / 'install'), '--event-handlers', 'console_cohesion+'),
        *('--cmake-args', '-DBUILD_TESTING=OFF', f'-DPython3_EXECUTABLE={sys.executable}'),
        *('--no-warn-unused-cli', '-Wno-dev'),
    ]


def main() -> int:
    """Build when needed and return colcon's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--force', action='store_true', help='build although nothing changed')
    force = parser.parse_args().force
    wanted = build_hash()
    if not force and STAMP.exists() and STAMP.read_text() == wanted:
        print('[build] up to date')
        return 0
    # Without this colcon asks make to wait while the machine is loaded by anything else.
    jobs = f'-j{os.cpu_count() or 1}'
    environment = {'MAKEFLAGS': jobs, **os.environ, 'CMAKE_PREFIX_PATH': sys.prefix}
    result = subprocess.run(
        colcon_command(), cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    log = ROOT / 'log' / 'build_workspace.txt'
    log.parent.mkdir(exist_ok=True)
    log.write_text(result.stdout + result.stderr)
    if result.returncode != 0:
        print('\n'.join((result.stdout + result.stderr).splitlines()[-60:]))
        print(f'[build] failed; the whole output is in {log}')
        return result.returncode
    STAMP.write_text(wanted)
    print('[build] install/ is ready')
    return 0


if __name__ == '__main__':
    sys.exit(main())
