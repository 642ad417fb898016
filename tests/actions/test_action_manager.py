# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from minicpmo_ros.actions.action_manager import (
    CANCEL_PATIENCE,
    ActionManager,
    CancelCommand,
    NoteCommand,
    SendCommand,
    StatusCommand,
)
from minicpmo_ros.actions.gate import GateOptions, RobotState
from minicpmo_ros.actions.request_table import FINAL, TABLE, Phase, RequestEvent, next_phase
from minicpmo_ros.actions.skill_file import parse_skills
from minicpmo_ros.actions.trigger import Proposal, SentenceBuffer, TriggerKind, TriggerTable

SKILLS = parse_skills("""
skills:
  wave:
    description: Wave.
    target: {kind: service, name: wave, type: std_srvs/srv/Trigger}
    confirm: never
    cooldown: 5.0
    timeout: 20.0
  lamp:
    description: Switch the lamp.
    target: {kind: service, name: lamp, type: std_srvs/srv/SetBool, message: {data: $state}}
    arguments: {state: {type: boolean}}
    confirm: always
    cooldown: 0.0
  asleep:
    description: Switched off.
    enabled: false
    target: {kind: service, name: asleep, type: std_srvs/srv/Trigger}
""")
READY = RobotState(enabled=True, assistant_active=True, assistant_seen=0.0, emergency_stop=False)
WAVE = Proposal('wave', {}, TriggerKind.TEXT, "I'm waving.", turn_id=7, epoch=1)
LAMP = Proposal('lamp', {'state': True}, TriggerKind.TAG, '[do lamp state=true]', turn_id=8)


def ready(now: float) -> RobotState:
    return replace(READY, assistant_seen=now)


def manager(**options) -> ActionManager:
    return ActionManager(SKILLS, GateOptions(**options))


def of_type(commands, kind):
    return [command for command in commands if isinstance(command, kind)]


def code(commands) -> str:
    return of_type(commands, StatusCommand)[-1].code


# Gates, in their order: every row breaks one gate and all later ones at once.
GATES = [
    ('actions_disabled', {'enabled': False}),
    ('two_bridges', {'other_bridges': 1}),
    ('assistant_inactive', {'assistant_active': False}),
    ('assistant_inactive', {'assistant_seen': -4.0}),
    ('emergency_stop', {'emergency_stop': True}),
]
NAMES = [name for name, _ in GATES]


@pytest.mark.parametrize('row', range(len(GATES)), ids=lambda row: f'{row}-{NAMES[row]}')
def test_the_first_closed_gate_gives_the_code(row):
    expected, broken = GATES[row]
    later = {}
    for name, changes in reversed(GATES[row + 1 :]):
        later.update(changes if name != expected else {})
    state = replace(READY, **{**later, **broken})
    actions = manager()
    commands = actions.propose(Proposal('nothing', {}, TriggerKind.TEXT, ''), state, 0.0)
    assert code(commands) == expected
    assert not of_type(commands, SendCommand) and actions.current is None


@pytest.mark.parametrize(
    ('proposal', 'expected'),
    [
        (Proposal('nothing', {}, TriggerKind.TEXT, ''), 'unknown_skill'),
        (Proposal('asleep', {}, TriggerKind.TEXT, ''), 'skill_disabled'),
        (Proposal('lamp', {}, TriggerKind.TEXT, ''), 'missing_argument'),
        (Proposal('lamp', {'state': 3}, TriggerKind.TEXT, ''), 'wrong_type'),
        (Proposal('wave', {'x': 1}, TriggerKind.TEXT, ''), 'unknown_argument'),
        (Proposal('wave', {}, TriggerKind.TAG, '', problem='malformed_tag'), 'malformed_tag'),
        (replace(WAVE, epoch=1), 'interrupted'),
    ],
)
def test_what_the_allow_list_does_not_hold_is_rejected(proposal, expected):
    actions = manager()
    commands = actions.propose(proposal, replace(READY, epoch=2), 0.0)
    assert code(commands) == expected
    assert not of_type(commands, SendCommand)


def test_a_permitted_request_is_sent_at_once_and_its_end_is_told_to_the_model():
    actions = manager()
    commands = actions.propose(WAVE, READY, 0.0)
    [send] = of_type(commands, SendCommand)
    assert of_type(commands, StatusCommand)[0].requested
    action_id = send.request.action_id
    assert not actions.report(action_id, RequestEvent.ACCEPTED, 0.1) == []
    done = actions.report(action_id, RequestEvent.DONE, 1.0)
    assert of_type(done, StatusCommand)[0].phase is Phase.SUCCEEDED
    assert of_type(done, NoteCommand)[0].text == 'Action wave is done.'
    assert actions.current is None


def test_cooldown_rate_and_one_in_flight():
    actions = manager(max_actions_per_minute=2)
    [send] = of_type(actions.propose(WAVE, READY, 0.0), SendCommand)
    assert code(actions.propose(WAVE, READY, 0.5)) == 'cooldown'
    assert code(actions.propose(LAMP, READY, 0.6)) == 'busy'
    actions.report(send.request.action_id, RequestEvent.DONE, 1.0)
    assert code(actions.propose(WAVE, ready(4.9), 4.9)) == 'cooldown'
    [send] = of_type(actions.propose(WAVE, ready(5.0), 5.0), SendCommand)
    actions.report(send.request.action_id, RequestEvent.DONE, 6.0)
    assert code(actions.propose(WAVE, ready(30.0), 30.0)) == 'rate_limit'
    assert of_type(actions.propose(WAVE, ready(61.0), 61.0), SendCommand)


def test_the_same_request_twice_is_a_duplicate():
    actions = manager()
    actions.propose(LAMP, READY, 0.0)
    assert code(actions.propose(LAMP, READY, 0.1)) == 'duplicate'
    other = replace(LAMP, arguments={'state': False})
    assert code(actions.propose(other, READY, 0.2)) == 'busy'


def test_confirmation_yes_no_and_silence():
    actions = manager()
    commands = actions.propose(LAMP, READY, 0.0)
    assert not of_type(commands, SendCommand)
    assert 'Ask the user' in of_type(commands, NoteCommand)[0].text
    assert of_type(actions.confirm(True, READY, 1.0), SendCommand)
    actions.report(actions.current.action_id, RequestEvent.DONE, 1.1)
    actions.propose(LAMP, ready(2.0), 2.0)
    assert code(actions.confirm(False, ready(2.5), 2.5)) == 'declined'
    actions.propose(LAMP, ready(3.0), 3.0)
    assert actions.tick(ready(12.9), 12.9) == []
    assert code(actions.tick(ready(13.0), 13.0)) == 'expired'
    assert actions.confirm(True, ready(13.1), 13.1) == []


def test_gates_are_asked_again_when_the_yes_comes():
    actions = manager()
    actions.propose(LAMP, READY, 0.0)
    commands = actions.confirm(True, replace(READY, emergency_stop=True), 1.0)
    assert code(commands) == 'emergency_stop' and not of_type(commands, SendCommand)
    actions.propose(LAMP, READY, 1.0)
    assert code(actions.tick(replace(READY, enabled=False), 1.1)) == 'actions_disabled'


def perform(actions: ActionManager, step, proposal: Proposal, action_id: str, now: float):
    if step == 'yes' or step == 'no':
        return actions.confirm(step == 'yes', ready(now), now)
    if step == 'stop':
        return actions.stop('stop_phrase', 'a person said stop', now)
    if step == 'interrupt' or step == 'other turn':
        return actions.interrupted(proposal.turn_id if step == 'interrupt' else 99, now)
    if step == 'patience' or step == 'hang':
        return actions.tick(ready(now), now)
    return actions.report(action_id, step, now)


# Races: what happens first, what then, whether something is sent, cancelled, and how it ends.
E = RequestEvent


@pytest.mark.parametrize(
    ('proposal', 'steps', 'sends', 'cancels', 'end'),
    [
        ('lamp', ['interrupt', 'yes'], 0, 0, Phase.CANCELED),
        ('lamp', ['yes', 'interrupt', E.DONE], 1, 1, Phase.SUCCEEDED),
        ('lamp', ['yes', 'stop', E.CANCEL_CONFIRMED], 1, 1, Phase.CANCELED),
        ('lamp', ['yes', 'yes', E.DONE], 1, 0, Phase.SUCCEEDED),
        ('lamp', ['yes', 'no', E.DONE], 1, 0, Phase.SUCCEEDED),
        ('lamp', ['no', 'yes'], 0, 0, Phase.CANCELED),
        ('lamp', ['stop', 'no', 'yes'], 0, 0, Phase.CANCELED),
        ('wave', ['stop', E.ACCEPTED, E.CANCEL_CONFIRMED], 1, 2, Phase.CANCELED),
        ('wave', ['stop', E.NO_SERVER], 1, 1, Phase.CANCELED),
        ('wave', ['stop', E.REFUSED], 1, 1, Phase.CANCELED),
        ('wave', ['stop', 'patience'], 1, 1, Phase.CANCELED),
        ('wave', ['stop', 'stop', 'patience', E.DONE], 1, 1, Phase.CANCELED),
        ('wave', [E.NO_SERVER, E.DONE], 1, 0, Phase.FAILED),
        ('wave', [E.ACCEPTED, E.ERROR, E.DONE], 1, 0, Phase.FAILED),
        ('wave', [E.ACCEPTED, 'hang', E.DONE], 1, 1, Phase.FAILED),
        ('wave', ['hang', E.DONE], 1, 1, Phase.FAILED),
        ('wave', [E.ACCEPTED, E.DONE, 'stop'], 1, 0, Phase.SUCCEEDED),
        ('wave', [E.DONE, E.DONE], 1, 0, Phase.SUCCEEDED),
        ('wave', [E.ACCEPTED, 'other turn', E.DONE], 1, 0, Phase.SUCCEEDED),
        ('wave', [E.ACCEPTED, 'interrupt', E.CANCEL_CONFIRMED, E.DONE], 1, 1, Phase.CANCELED),
    ],
)
def test_every_pair_of_events_that_can_race(proposal, steps, sends, cancels, end):
    actions, now = manager(), 0.0
    chosen = {'lamp': LAMP, 'wave': WAVE}[proposal]
    log = actions.propose(chosen, READY, now)
    action_id = of_type(log, StatusCommand)[0].action_id
    for step in steps:
        now += 0.1
        if step == 'patience':
            now += CANCEL_PATIENCE
        elif step == 'hang':
            now += 60.0
        log += perform(actions, step, chosen, action_id, now)
    assert len(of_type(log, SendCommand)) == sends
    assert len(of_type(log, CancelCommand)) == cancels
    final = [status for status in of_type(log, StatusCommand) if status.phase in FINAL]
    assert [status.phase for status in final] == [end]
    assert actions.current is None


@pytest.mark.parametrize(
    ('phase', 'event'), list(itertools.product(Phase, RequestEvent)), ids=lambda item: item.value
)
def test_the_table_never_leaves_a_final_phase_and_never_sends_unasked(phase, event):
    after, effects = next_phase(phase, event)
    if phase in FINAL:
        assert after is phase and effects == ()
    sends = [effect for effect in effects if effect.value == 'send']
    assert bool(sends) == ((phase, event) == (Phase.WAITING, RequestEvent.CONFIRMED))
    if event is RequestEvent.STOP and phase not in FINAL:
        assert after in (Phase.CANCELED, Phase.CANCELING)


def test_every_phase_that_is_not_final_can_end_by_itself():
    endings = {
        RequestEvent.CONFIRMATION_TIMEOUT,
        RequestEvent.TIMEOUT,
        RequestEvent.CANCEL_TIMEOUT,
    }
    for phase in set(Phase) - FINAL:
        assert any(TABLE.get((phase, event), (phase,))[0] in FINAL for event in endings)


def test_a_direct_request_that_arrives_twice_is_carried_out_once():
    actions = manager()
    request = replace(WAVE, request_id='r1', epoch=-1)
    assert of_type(actions.propose(request, READY, 0.0), SendCommand)
    actions.report('r1', RequestEvent.DONE, 1.0)
    assert code(actions.propose(request, ready(20.0), 20.0)) == 'duplicate'


def test_the_tail_of_an_endless_sentence_is_not_a_sentence():
    buffer, table = SentenceBuffer(), TriggerTable(SKILLS)
    found = buffer.feed(1, 'He never said ' + 'very ' * 900, last=False)
    found += buffer.feed(1, " I'm waving. ", last=False)
    assert [table.from_text(sentence, 1, 1) for sentence in found] == []
    assert buffer.feed(1, 'Fine.', last=True) == ['Fine.']


def test_answers_to_another_request_are_ignored():
    actions = manager()
    actions.propose(WAVE, READY, 0.0)
    assert actions.report('somebody-else', RequestEvent.DONE, 0.1) == []
    assert actions.current is not None


@settings(max_examples=200)
@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=100))
def test_no_text_whatever_produces_a_call_outside_the_list(text, skill, arguments):
    table = TriggerTable(SKILLS)
    proposals = [
        *table.from_text(text, 1, 1),
        *table.from_tag(text, 1, 1),
        *table.from_tag(f'[do {text}]', 1, 1),
        *table.from_event(text, 3, 'id', 1, 1),
        table.from_request(skill, arguments, ''),
    ]
    for proposal in proposals:
        for command in of_type(manager().propose(proposal, READY, 0.0), SendCommand):
            assert command.request.skill is SKILLS['wave']
            assert command.request.arguments == {}
