# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compare a tokenizer folder with recorded cases.

``python -m minicpmo.checks.tokenizer_cases FOLDER CASES`` prints one line.

The cases are in ``tests/data/manifest/tokenizer_cases.json``; the tokenizer files themselves
belong to the release and come with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
import hashlib
import json
from pathlib import Path
import sys
from typing import Any, Optional

import numpy as np

from minicpmo.checks.stage import Comparison, StageResult
from minicpmo.errors import MiniCPMOError
from minicpmo.tokenizer import PretrainedTokenizer, TextTokenizer


def compare(tokenizer: TextTokenizer, cases: Mapping[str, Any]) -> StageResult:
    """Return the line for all recorded names, ids and texts."""
    result = Comparison('tokenizer cases', tolerance=0.0)
    for name, id_ in cases['special_ids'].items():
        result.equal(name, tokenizer.token_id(name), id_)
    result.equal('special ids', sorted(tokenizer.special_ids), sorted(cases['all_special_ids']))
    skipped = sorted(cases['dropped_by_skip_special'])
    result.equal('dropped ids', sorted(tokenizer.skip_ids), skipped)
    result.equal('forbidden ids', len(tokenizer.bad_ids), cases['bad_token_count'])
    digest = hashlib.sha256(np.array(tokenizer.bad_ids, dtype=np.int64).tobytes()).hexdigest()
    result.equal('digest of forbidden ids', digest, cases['bad_token_ids_sha256'])
    for case in cases['encode']:
        text, ids = case['text'], case['ids']
        result.equal(f'ids of {text!r}', tokenizer.encode(text), ids)
        result.equal(f'text of {ids}', tokenizer.decode(ids, skip_special=False), case['decoded'])
        result.equal(f'spoken {ids}', tokenizer.decode(ids), case['decoded_skip_special'])
    for case in cases['decode']:
        ids = case['ids']
        result.equal(f'text of {ids}', tokenizer.decode(ids, skip_special=False), case['decoded'])
        result.equal(f'spoken {ids}', tokenizer.decode(ids), case['skip_special'])
    return result.result()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the line; return 1 if anything differs, 2 if a file cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='folder with the tokenizer of the release')
    parser.add_argument('cases', type=Path, help='tokenizer_cases.json')
    options = parser.parse_args(arguments)
    try:
        tokenizer = PretrainedTokenizer(options.folder)
        cases = json.loads(options.cases.read_text(encoding='utf-8'))
    except (MiniCPMOError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    result = compare(tokenizer, cases)
    print(result.line())
    return 0 if result.passed else 1


if __name__ == '__main__':
    sys.exit(main())
