# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Prepare a bare machine: system packages, virtual environment, wheels, messages.

Runs with the Python of the system and its standard library only. Every step looks first whether
it is needed, so running it again is fast, and an existing ``.venv`` is taken over as it is.
"""

import argparse
import hashlib
import os
from pathlib import Path
import shlex
import shutil
import subprocess
import sys
import sysconfig

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'minicpmo_requirements.sha256'
REQUIREMENTS = ('engine', 'quantization', 'audio', 'media', 'home', 'ros', 'dev')
TORCH_VERSION = '2.13.0'

VOICES = '/usr/share/festival/voices'
# Debian package: a command, a library or a file whose presence shows that it is installed.
SYSTEM_PACKAGES = {
    'g++': 'g++',
    'cmake': 'cmake',
    'make': 'make',
    'espeak-ng': 'espeak-ng',
    'libportaudio2': 'libportaudio.so.2',
    'flite': 'flite',
    'festival': 'festival',
    'festvox-us-slt-hts': f'{VOICES}/us/cmu_us_slt_arctic_hts',
    'festvox-kallpc16k': f'{VOICES}/english/kal_diphone',
    'festvox-kdlpc16k': f'{VOICES}/english/ked_diphone',
    'mosquitto': 'mosquitto',
    'pulseaudio': 'pulseaudio',
    'pulseaudio-utils': 'pactl',
    'libasound2-plugins': 'libasound_module_pcm_pulse.so',
}


class SetUpError(Exception):
    """A step cannot be done; the message says what to do by hand."""


def say(text: str) -> None:
    """Print one line of progress."""
    print(f'[setup] {text}', flush=True)


def run(command: list[str], **options: object) -> None:
    """Run ``command`` and raise SetUpError with the command line when it fails."""
    if subprocess.run(command, check=False, **options).returncode != 0:
        raise SetUpError(f'this command failed: {shlex.join(map(str, command))}')


def is_present(evidence: str) -> bool:
    """Return whether the command, the file or the shared library is installed."""
    if evidence.startswith('/'):
        return Path(evidence).exists()
    if '.so' not in evidence:
        search = os.pathsep.join([os.environ.get('PATH', ''), '/usr/sbin', '/sbin'])
        return shutil.which(evidence, path=search) is not None
    return any(next(Path(base).glob(f'**/{evidence}'), None) for base in ('/usr/lib', '/lib'))


def missing_system_packages() -> list[str]:
    """Return the Debian packages that have to be installed."""
    missing = [name for name, evidence in SYSTEM_PACKAGES.items() if not is_present(evidence)]
    if not (Path(sysconfig.get_paths()['include']) / 'Python.h').exists():
        missing.append('python3-dev')
    check = [sys.executable, '-c', 'import ensurepip, venv']
    if not PYTHON.exists() and subprocess.run(check, check=False, capture_output=True).returncode:
        missing.append('python3-venv')
    return missing


def install_system_packages() -> None:
    """Install what is missing with apt-get; says first what, and asks for root only then."""
    missing = missing_system_packages()
    if not missing:
        say('system packages: complete')
        return
    install = ['apt-get', 'install', '-y', '--no-install-recommends', *missing]
    by_hand = f'sudo apt-get update && sudo {shlex.join(install)}'
    say(f'system packages missing: {" ".join(missing)}')
    if shutil.which('apt-get') is None:
        raise SetUpError(f'install these (Debian names) with your package manager: {missing}')
    root = os.geteuid() == 0
    if not root and (shutil.which('sudo') is None or not can_ask()):
        raise SetUpError(f'root is needed once; run: {by_hand}')
    say(f'installing them with: {by_hand if not root else shlex.join(install)}')
    prefix = ['env'] if root else ['sudo', 'env']
    prefix += ['DEBIAN_FRONTEND=noninteractive']
    run([*prefix, 'apt-get', 'update', '-q'])
    run([*prefix, *install])


def can_ask() -> bool:
    """Return whether sudo works without a password or can ask for one."""
    quiet = subprocess.run(['sudo', '-n', 'true'], check=False, capture_output=True)
    return quiet.returncode == 0 or sys.stdin.isatty()


def make_virtual_environment() -> None:
    """Create ``.venv`` when there is none."""
    if PYTHON.exists():
        return
    say(f'creating {VENV} with Python {sys.version.split()[0]}')
    run([sys.executable, '-m', 'venv', str(VENV)], env=clean_environment())


def clean_environment() -> dict[str, str]:
    """Return the environment without what a sourced ROS installation put into it."""
    unwanted = {'PYTHONPATH', 'AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'CMAKE_PREFIX_PATH'}
    unwanted |= {'COLCON_PREFIX_PATH', 'ROS_DISTRO', 'PYTHONHOME', 'VIRTUAL_ENV'}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def pip(*arguments: str) -> bool:
    """Run pip of the virtual environment and return whether it succeeded."""
    command = [str(PYTHON), '-m', 'pip', '--disable-pip-version-check', *arguments]
    return subprocess.run(command, check=False, env=clean_environment()).returncode == 0


def requirement_hash() -> str:
    """Return a hash over the requirement files and the interpreter's version."""
    version = subprocess.run(
        [str(PYTHON), '--version'], check=True, capture_output=True, env=clean_environment()
    ).stdout
    digest = hashlib.sha256(version)
    for path in sorted((ROOT / 'requirements').glob('*.txt')):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def has_nvidia_gpu() -> bool:
    """Return whether a CUDA build of torch could be of use here."""
    return Path('/dev/nvidiactl').exists() or Path('/dev/nvhost-gpu').exists()


def install_torch(cpu_index: str) -> None:
    """Install torch: the build for the CPU unless there is an NVIDIA GPU.

    The order matters on a machine without GPU: the plain version number names a CUDA build of
    several gigabytes on the public index, so the local version ``+cpu`` is asked for by name,
    first where pip already looks, then at ``cpu_index``.
    """
    check = 'import importlib.metadata as m; print(m.version("torch"))'
    installed = subprocess.run(
        [str(PYTHON), '-c', check], check=False, capture_output=True, text=True
    ).stdout
    if installed.startswith(TORCH_VERSION):
        return
    say(f'installing torch {TORCH_VERSION}')
    if has_nvidia_gpu():
        if pip('install', f'torch=={TORCH_VERSION}'):
            return
    elif pip('install', '-q', f'torch=={TORCH_VERSION}+cpu') or (
        cpu_index and pip('install', f'torch=={TORCH_VERSION}+cpu', '--extra-index-url', cpu_index)
    ):
        return
    raise SetUpError(
        f'torch {TORCH_VERSION} cannot be installed. Install a build of it by hand with '
        f'{PYTHON} -m pip install torch=={TORCH_VERSION}, then run make setup again.'
    )


def install_wheels(cpu_index: str) -> None:
    """Install the pinned wheels, unless exactly these were installed before."""
    wanted = requirement_hash()
    if STAMP.exists() and STAMP.read_text() == wanted:
        say('wheels: up to date')
        return
    install_torch(cpu_index)
    say('installing pinned wheels')
    files = [argument for name in REQUIREMENTS for argument in ('-r', f'requirements/{name}.txt')]
    constraints = str(ROOT / 'requirements' / 'constraints.txt')
    os.chdir(ROOT)
    if not pip('install', '-q', '-c', constraints, *files):
        raise SetUpError('pip could not install the pinned wheels; its message is above')
    STAMP.write_text(wanted)


def install_environment_hook() -> None:
    """Make every interpreter of ``.venv`` find the sources, the messages and ROS."""
    version = next((VENV / 'lib').glob('python3*')).name
    packages = VENV / 'lib' / version / 'site-packages'
    source = ROOT / 'scripts' / 'workspace_environment.py'
    shutil.copyfile(source, packages / 'minicpmo_workspace_environment.py')
    (packages / 'minicpmo_dev.pth').write_text(
        f'{ROOT / "model"}\n{ROOT}\n'
        f'import minicpmo_workspace_environment as e; e.activate({str(ROOT)!r})\n'
    )


def main() -> int:
    """Run the steps and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--torch-cpu-index', default='', help='index of CPU builds of torch')
    parser.add_argument('--no-system', action='store_true', help='do not look at system packages')
    parser.add_argument('--no-build', action='store_true', help='do not build the messages')
    options = parser.parse_args()
    try:
        if sys.version_info < (3, 10):
            raise SetUpError(f'Python 3.10 or newer is needed, this is {sys.version.split()[0]}')
        if not options.no_system:
            install_system_packages()
        make_virtual_environment()
        install_wheels(options.torch_cpu_index)
        install_environment_hook()
        if not options.no_build:
            run([str(PYTHON), str(ROOT / 'scripts' / 'build_workspace.py')])
    except SetUpError as error:
        say(f'stopped: {error}')
        return 1
    say('ready')
    return 0


if __name__ == '__main__':
    sys.exit(main())
