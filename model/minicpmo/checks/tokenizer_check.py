# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token bytes, special names and ids of ``id_map.json`` among themselves and in the traces."""

from __future__ import annotations

from collections.abc import Iterator

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.tokenizer import VectorTokenizer


@stage('tokenizer', needs=('id_map.json', 'config.json'))
def check_tokenizer(vectors: Vectors) -> Iterator[StageResult]:
    """Decode every id alone and compare with its recorded text; look up every name."""
    id_map, tokenizer = vectors.id_map, VectorTokenizer(vectors.id_map)
    config = ModelConfig.from_dict(vectors.config['model'])
    comparison = Comparison('tokenizer', tolerance=0.0)
    comparison.equal('vocabulary', tokenizer.vocab_size, config.llm.vocab_size)
    for id_, text in enumerate(id_map['token_text']):
        comparison.equal(f'text of {id_}', tokenizer.decode([id_], skip_special=False), text)
        dropped = '' if id_ in tokenizer.skip_ids else text
        comparison.equal(f'spoken text of {id_}', tokenizer.decode([id_]), dropped)
    for name, id_ in id_map['special'].items():
        comparison.equal(name, tokenizer.token_id(name), id_)
        comparison.equal(f'ids of {name}', tokenizer.encode(name), [id_])
    comparison.equal('end of turn', tokenizer.eos_id, tokenizer.token_id('<|im_end|>'))
    yield comparison.result()
