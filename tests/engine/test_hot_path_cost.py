# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a unit costs the host: forwards, waits for the device, and new memory, counted.

A captured step is one launch on a CUDA device, so what happens inside is not counted.
"""

from collections import Counter
from collections.abc import Callable
import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.duplex_options import DuplexOptions
from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.host_read import READS
from minicpmo.host_table import HostTable
from minicpmo.sampling import SamplingOptions
from minicpmo.special_token import SpecialTokens

READING = ('item', '_local_scalar_dense', 'nonzero', 'is_nonzero', 'equal')
"""Operations that wait for the device wherever they stand."""


class HostWork(TorchDispatchMode):
    """Counts, outside of captured steps, operations, new memory and waits for the device."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.inside_step = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        if not self.inside_step:
            known = {_memory(leaf) for leaf in tree_leaves((args, kwargs)) if _is_tensor(leaf)}
            new = {_memory(leaf) for leaf in tree_leaves(results) if _is_tensor(leaf)} - known
            self.counts['operations'] += 1
            self.counts['allocations'] += len(new)
            self.counts['hidden reads'] += function.overloadpacket.__name__ in READING
        return results


def _is_tensor(value):
    return isinstance(value, torch.Tensor)


def _memory(tensor):
    return tensor.untyped_storage()._cdata


class CountingPool(GraphPool):
    """Captures as on a CUDA device: what is inside a step is the device's business."""

    def __init__(self, work: HostWork):
        super().__init__(torch.device('cpu'))
        self._work = work

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        def replay():
            self._work.inside_step = True
            step()
            self._work.inside_step = False
            self._work.counts['launches'] += 1

        return super().capture(replay)


def on_host(language_model):
    """Return the model with its token table in host memory."""
    table = language_model.model.embed_tokens.weight
    model = copy.deepcopy(language_model)
    model.model.embed_tokens = HostTable(*table.shape, torch.device('cpu'))
    model.model.embed_tokens.weight = torch.nn.Parameter(table.detach().clone(), False)
    return model


@pytest.fixture(params=['greedy', 'drawn', 'offloaded'])
def measured(request, language_model, tokenizer, audio_rows, voice_rows, row_encoder):
    """Return a session whose host work is counted, and the counter."""
    work = HostWork()
    prompt = DuplexPrompt.from_text(tokenizer, 'Streaming Omni Conversation.', voice_rows)
    options = DuplexOptions(
        sampling=SamplingOptions(greedy=request.param != 'drawn'), context_tokens=1500
    )
    model = on_host(language_model) if request.param == 'offloaded' else language_model
    session = DuplexSession(
        model, tokenizer, row_encoder(audio_rows), None, prompt, options,
        pool=CountingPool(work),
    )  # fmt: skip
    return session, work


def say(session, tokens, ids):
    """Let the session's choices follow a script, after all the work of choosing."""
    choose, script = session.chooser.choose, iter(ids)

    def scripted(logits):
        choose(logits)
        return next(script)

    session.chooser.choose = scripted
    return lambda: setattr(session.chooser, 'choose', choose)


def cost_of(session, work, unit, tokens, ids):
    """Return what one unit that says ``ids`` costs."""
    stream = session.conversation.stream
    restore = say(session, tokens, ids)
    forwards, reads = stream.forwards, READS.reads
    work.counts.clear()
    with work:
        session.step(unit)
    restore()
    return work.counts | Counter(forwards=stream.forwards - forwards, reads=READS.reads - reads)


def test_a_token_costs_one_wait_and_no_memory(measured, tokenizer, make_unit):
    session, work = measured
    tokens = SpecialTokens.from_tokenizer(tokenizer)
    speak = [tokens.speak, *range(30, 36)]
    costs = {}
    for index, fed in enumerate((2, 2, 4, 6)):
        ids = [*speak[:fed], tokens.chunk_end]
        costs[index] = cost_of(session, work, make_unit(index), tokens, ids)
        assert costs[index]['forwards'] == 1 + fed
        assert costs[index]['reads'] == fed + 1, 'one per choice: the tokens and the terminator'
        assert costs[index]['hidden reads'] == 0
    # Longer units allocate no more; the rest is what a unit's input takes once.
    assert costs[1]['allocations'] == costs[2]['allocations'] == costs[3]['allocations']
    per_token = (costs[3] - costs[1])['operations'] / 4
    assert per_token <= 16, 'launches from the host for one decoded token, views included'
    # A token is three captured steps: the choice, the forward and the vocabulary head.
    assert costs[3]['launches'] - costs[1]['launches'] == 3 * 4


def test_a_listening_unit_costs_one_forward_and_one_wait(measured, tokenizer, make_unit):
    session, work = measured
    tokens = SpecialTokens.from_tokenizer(tokenizer)
    for index in range(3):
        cost = cost_of(session, work, make_unit(index), tokens, [tokens.listen])
        assert (cost['forwards'], cost['reads'], cost['hidden reads']) == (1, 1, 0)
        assert cost['launches'] == 3


def test_counting_sees_what_it_should(measured):
    """The counters count: memory, waits, and neither inside a step."""
    _, work = measured
    step = CountingPool(work).capture(lambda: torch.zeros(3).sum().item())
    work.counts.clear()
    with work:
        torch.zeros(4).add_(1).view(2, 2)
        torch.ones(()).item()
        step()
    assert work.counts['allocations'] == 2
    assert work.counts['hidden reads'] == 1
    assert work.counts['launches'] == 1
