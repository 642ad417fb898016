# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sounds of English under one set of names, whichever synthesizer spoke them.

flite and festival already write ARPAbet in lower case; espeak-ng has its own mnemonics
(docs/phonemes.md of espeak-ng), which are mapped to the nearest ARPAbet sound.
"""

from __future__ import annotations

SILENCE = 'pau'
PHONES = (
    SILENCE, 'aa', 'ae', 'ah', 'ao', 'aw', 'ax', 'ay', 'b', 'ch', 'd', 'dh', 'eh', 'er', 'ey',
    'f', 'g', 'hh', 'ih', 'iy', 'jh', 'k', 'l', 'm', 'n', 'ng', 'ow', 'oy', 'p', 'r', 's', 'sh',
    't', 'th', 'uh', 'uw', 'v', 'w', 'y', 'z', 'zh',
)  # fmt: skip

_ESPEAK = {
    'A': 'aa', 'A@': 'aa', '0': 'aa', 'a': 'ae', 'aa': 'ae', 'V': 'ah', 'O': 'ao', 'O@': 'ao',
    'o@': 'ao', 'o': 'ao', 'aU': 'aw', '@': 'ax', '@L': 'l', 'a#': 'ax', 'aI': 'ay',
    'aI@': 'ay', 'b': 'b', 'tS': 'ch', 'd': 'd', 'D': 'dh', 'E': 'eh', 'e': 'eh', 'e@': 'eh',
    '3': 'er', 'eI': 'ey',
    'f': 'f', 'g': 'g', 'h': 'hh', 'I': 'ih', 'i@': 'iy', 'i': 'iy', 'dZ': 'jh', 'k': 'k',
    'l': 'l', 'm': 'm', 'n': 'n', 'N': 'ng', 'oU': 'ow', 'OI': 'oy', 'p': 'p', 'r': 'r', 's': 's',
    'S': 'sh', 't': 't', 'T': 'th', 'U': 'uh', 'U@': 'uh', 'u': 'uw', 'v': 'v', 'w': 'w',
    'j': 'y', 'z': 'z', 'Z': 'zh', 'x': 'hh', 'W': 'w', 'aU@': 'aw', 'EI': 'ey', 'ee': 'eh',
    'R': 'r', '@r': 'er', 'VR': 'er', 'IR': 'iy', 'UR': 'uh',
}  # fmt: skip
_MARKS = '#:;-^?!.*~"\'['
_SAME = {'#': SILENCE, 'brth': SILENCE, 'el': 'l', 'em': 'm', 'en': 'n', 'axr': 'er', 'nx': 'n',
         'dx': 't', 'hv': 'hh', 'sil': SILENCE}  # fmt: skip


def of_espeak(mnemonic: str) -> str:
    """Return the ARPAbet name of an espeak-ng phoneme; what is no sound of English is silence."""
    if not mnemonic or mnemonic[0] in '_|;\'",%=':
        return SILENCE
    if mnemonic in _ESPEAK:
        return _ESPEAK[mnemonic]
    shorter = mnemonic.rstrip(_MARKS)
    for name in (shorter, shorter.rstrip('0123456789'), shorter[:2], shorter[:1]):
        if name in _ESPEAK:
            return _ESPEAK[name]
    return SILENCE


def of_festival(name: str) -> str:
    """Return the ARPAbet name of a flite or festival segment."""
    name = name.lower()
    return name if name in PHONES else _SAME.get(name, SILENCE)
