from __future__ import annotations

import gzip
import json
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from apps.models.gateway import Deadline
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.extractive.scoring import scorer
from apps.retrieval.answers.types import Material, Statement
from benchmarks.answers import __main__ as command
from benchmarks.answers.common import terms_counted, terms_written
from benchmarks.answers.events import SentEvent, events_of, fault_of
from benchmarks.answers.learning import Case, examples
from benchmarks.answers.scored import answer_score
from benchmarks.answers.searched import Paragraphs
from benchmarks.answers.shares import refused_where, share, spread
from benchmarks.answers.spans import Cited, Spans
from benchmarks.answers.squad import Squad, halves, squad_read

HARBOUR = "The harbour has 42 berths for guests. A berth costs 31 euros a night."
MILL = "The mill was built in 1742. It grinds wheat and rye for the bakers of the town."
QUESTIONS = {HARBOUR: ("How many berths for guests has the harbour?", "42"), MILL: ("When was the mill built?", "1742")}
VECTORS = np.eye(2, dtype=np.float32)


@pytest.fixture
def squad(tmp_path: Path) -> Squad:
    articles = [
        {"title": name, "paragraphs": [{"context": text, "qas": [
            {"id": name, "question": asked, "answers": [{"text": answer}]},
            {"id": f"{name} impossible", "question": "Who painted the lighthouse?", "answers": []},
        ]}]}
        for name, text in (("Harbour", HARBOUR), ("Mill", MILL))
        for asked, answer in [QUESTIONS[text]]
    ]  # fmt: skip
    (tmp_path / "dev.json.gz").write_bytes(gzip.compress(json.dumps({"data": articles}).encode()))
    return squad_read([tmp_path, tmp_path])


def found_for(squad: Squad, place: int) -> Material:
    everything = np.ones(2, dtype=bool)
    text = squad.questions[2 * place].text
    found = Paragraphs(squad.paragraphs, VECTORS).find(text, VECTORS[place], everything, 2)
    return Material(text, found.passages, found.statistics)


def test_a_paragraph_of_two_folders_is_one_and_every_question_is_kept(squad: Squad) -> None:
    assert [one.text for one in squad.paragraphs] == [HARBOUR, MILL]
    assert len(squad.questions) == 8
    assert [squad.article_of(one) for one in squad.questions[:4]] == ["Harbour", "Harbour", "Mill", "Mill"]
    assert squad.questions[0].is_answered_by("it has 42")
    assert not squad.questions[1].is_answered_by(HARBOUR)
    assert halves(one.article for one in squad.paragraphs) == {"Harbour"}


def test_a_folder_without_a_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} has no"):
        squad_read([tmp_path])


def test_the_paragraph_that_has_the_words_and_the_meaning_is_found_first(squad: Squad) -> None:
    found = found_for(squad, 1)
    assert [one.text for one in found.passages] == [MILL, HARBOUR]
    assert (found.statistics.chunks, found.statistics.having["mill"]) == (2, 1)


def test_a_score_reaches_the_threshold_where_the_generator_answers(squad: Squad) -> None:
    for place in range(2):
        material = found_for(squad, place)
        written = ExtractiveGenerator().generate(material, deadline=Deadline.after(5))
        assert any(isinstance(one, Statement) for one in written) is (answer_score(material) >= scorer().least)


def test_examples_say_which_units_are_right_and_what_was_asked_of_what(squad: Squad) -> None:
    vectors = np.repeat(np.eye(2), 2, axis=0)
    found = list(examples(Squad(squad.paragraphs, squad.questions[:4]), np.eye(2), vectors))
    assert [one.case for one in found] == [
        Case.ANSWERABLE, Case.ON_TOPIC, Case.IMPOSSIBLE, Case.ANSWERABLE, Case.OFF_TOPIC, Case.IMPOSSIBLE,
    ]  # fmt: skip
    assert [int(one.right.sum()) for one in found] == [1, 1, 0, 1, 0, 0]


def test_a_term_is_common_in_texts_or_in_questions_and_has_letters_alone() -> None:
    texts = ["The harbour has 42 berths."] + 199 * ["The mill grinds rye."]
    counted = terms_counted(texts, ["Who grinds?", "How many sheep?"])
    assert counted["mill"] == 1990
    assert counted["sheep"] == 1000
    assert not {"harbour", "berth", "42"} & counted.keys()
    assert terms_written({"mill": 7}).splitlines()[1:] == ["mill 7"]


def test_what_is_refused_is_below_the_threshold_that_lets_the_wanted_share_through() -> None:
    answerable = [number / 10 for number in range(1, 11)]
    assert refused_where([0.05, 0.15, 0.95], answerable, answered=0.9) == pytest.approx(0.6667)
    assert refused_where([0.05, 0.15, 0.95], answerable, answered=1.0) == pytest.approx(0.3333)
    assert (share([]), share([True, False])) == (0.0, 0.5)
    assert (spread([1, 2, 3, 4], 2), spread([1, 2, 3, 4], 0)) == ([1, 3], [1, 2, 3, 4])


def test_a_quote_counts_as_exact_only_at_its_own_span() -> None:
    spans, version = Spans(text=lambda _: HARBOUR), UUID(int=1)
    spans.add([Cited(version, 16, 18, "42"), Cited(version, 15, 17, "42")])
    assert spans.figures() == {"citation_span_exact": 0.5, "citations": 2}
    assert Spans().figures() == {}


def stream(*texts: str, answer: str = "One. Two.", found: bool = True) -> list[SentEvent]:
    lines = [": still at it", "", "event: response.created", "id: 1", "data: {}", ""]
    for number, text in enumerate(texts, start=2):
        lines += ["event: response.output_text.delta", f"id: {number}", f"data: {json.dumps({'text': text})}", ""]
    end = json.dumps({"answer": answer, "found": found})
    return list(events_of([*lines, "event: response.completed", f"id: {len(texts) + 2}", f"data: {end}", ""]))


def test_a_whole_stream_has_no_fault() -> None:
    assert fault_of(stream("One.", " Two.")) == ""
    assert fault_of(stream(answer="Not found.", found=False)) == ""


def test_a_stream_that_lost_something_has_a_fault() -> None:
    whole = stream("One.", " Two.")
    assert "numbers [1, 3, 4]" in fault_of([whole[0], *whole[2:]])
    assert "it ended with" in fault_of(whole[:-1])
    assert "its deltas are" in fault_of(stream("One."))
    assert fault_of([]) == "no events"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "nothing to measure"),
        (["--parts", "gold", "cache"], "--squad DIR is needed for --parts cache gold"),
        (["--parts", "unanswerable"], "--squad2 DIR is needed"),
        (["--scifact", "/nowhere/at/all"], "there is no folder /nowhere/at/all"),
    ],
)
def test_a_folder_that_is_missing_is_told_before_anything_starts(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(given)
    assert said in capsys.readouterr().err
