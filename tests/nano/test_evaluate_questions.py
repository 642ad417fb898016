# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from training.nano.audio_window import SoundBank
from training.nano.evaluate_questions import QUESTIONS, Asked, ask, counts, markdown
from training.nano.question import Question
from training.nano.script_audio import ScriptAudio
from training.nano.voice import SAMPLE_RATE


class DenyingSession:
    """Sees nothing and always says no."""

    def __init__(self) -> None:
        self.units: list[int] = []

    def reset(self) -> None:
        self.units.clear()

    def step(self, unit) -> None:
        assert unit.audio.shape == (SAMPLE_RATE,) and len(unit.images) == 1
        self.units.append(unit.index)

    def ask_yes_no(self, question: str) -> float:
        assert self.units == list(range(len(self.units))) and 1 <= len(self.units) <= 4
        return 0.1


def _asked() -> list[Asked]:
    sound = ScriptAudio(None, SoundBank(1, 10))
    return list(ask(DenyingSession(), sound, 5, 7, held_out=True))


def test_who_always_denies_is_right_as_often_as_no_is_true_and_never_affirms_wrongly():
    asked = _asked()
    assert len(asked) == 5 * QUESTIONS
    table = counts(asked).values()
    assert sum(row['questions'] for row in table) == len(asked)
    assert sum(row['right'] for row in table) == sum(row['no'] for row in table) > 0
    assert not any(row['false_yes'] for row in table)


def test_the_questions_depend_on_the_seed_only():
    assert _asked() == _asked()


def test_a_wrong_yes_is_counted():
    question = Question('pot boils', 'Is the pot boiling?', False)
    table = counts([Asked(question, 0.9), Asked(question, 0.2)])
    assert table['pot boils'] == {'questions': 2, 'right': 1, 'no': 2, 'false_yes': 1}
    assert '| pot boils | 1 / 2 (50.0 %) | 1 / 2 (50.0 %) |' in markdown(table)
    assert markdown(table).splitlines()[-1].startswith('| all | 1 / 2')


def test_the_answer_of_a_share_is_compared_with_one_half():
    question = Question('parcel', 'Is there a parcel?', True)
    assert [Asked(question, p).right for p in (0.4, 0.6)] == [False, True]
