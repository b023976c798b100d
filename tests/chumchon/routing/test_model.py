"""The model that learns routing, on examples written for these tests."""

import io
import subprocess
import sys

import numpy as np
import pytest

from chumchon.routing import training
from chumchon.routing.examples import Example
from chumchon.routing.model import NEVER_ALONE, TrainedModel, features_of
from chumchon.routing.rules import Method, first_rules, route
from chumchon.routing.texts import CaseText
from chumchon.routing.training import Figures, judge, train
from chumchon.work_groups import OTHER, Topic, work_group_of

PLACES = ["บ้านหนองบัว", "ตำบลท่าทราย", "ชุมชนวัดใหม่", "หมู่ 4", "บ้านโคกสูง", "ชุมชนริมน้ำ"]
PATTERNS: dict[str, list[str]] = {
    Topic.TRANSFERS_AND_CHANGES: ["เงินของ{}ยังไม่โอนสักที", "{}รอเงินงวดอยู่", "ขอเปลี่ยนโครงการของ{}"],
    Topic.TRAINING: ["{}ขอส่งคนไปอบรม", "วิทยากรจะมาที่{}เมื่อไร", "คนใน{}อยากเรียนหลักสูตรใหม่"],
    Topic.COMPLAINTS: ["ผู้ใหญ่{}โกงเงิน", "กรรมการ{}ทุจริต ไม่โปร่งใส", "{}มีการยักยอกของกลาง"],
    OTHER: ["ถนนหน้า{}เป็นหลุม", "น้ำประปา{}ไม่ไหล", "ไฟฟ้า{}ดับทุกคืน"],
}
EXAMPLES = [
    Example(pattern.format(place), str(label))
    for label, patterns in PATTERNS.items()
    for pattern in patterns
    for place in PLACES
]
TERMS = first_rules().labels


def group_of(label: str) -> str:
    return label if label == OTHER else work_group_of(Topic(label))


@pytest.fixture(scope="module")
def trained() -> tuple[TrainedModel, Figures]:
    return train(EXAMPLES, TERMS, group_of=group_of)


@pytest.fixture(scope="module")
def model(trained: tuple[TrainedModel, Figures]) -> TrainedModel:
    return trained[0]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("เงินงวดของบ้านดอนยังไม่โอน", Topic.TRANSFERS_AND_CHANGES),
        ("อยากเรียนหลักสูตรทำปุ๋ย มีวิทยากรไหม", Topic.TRAINING),
        ("กรรมการทุจริตยักยอกเงิน", Topic.COMPLAINTS),
        ("น้ำประปาไม่ไหลมาสองวัน", OTHER),
        # never an example, but a term
        ("วาระการประชุมครั้งหน้า", Topic.MEETING_AGENDAS),
        # misspelt
        ("กรมการทุจรติ ยักยอค", Topic.COMPLAINTS),
    ],
)
def test_it_learns_from_examples_and_terms(model: TrainedModel, text: str, label: str) -> None:
    """The likeliest label is the right one, for topics that had examples and for those that had terms alone."""
    probabilities = model.read(CaseText(text)).probabilities
    assert label == max(probabilities, key=probabilities.__getitem__)
    assert sum(probabilities.values()) == pytest.approx(1)


def test_it_says_which_words_moved_it(model: TrainedModel) -> None:
    """The word that decides is the strongest reason, and speaks against other labels."""
    reading = model.read(CaseText("ที่บ้านมีการทุจริต"))
    reasons = reading.reasons(Topic.COMPLAINTS)
    assert "ทุจริต" == reasons[0].term
    assert 0 < reasons[0].weight
    assert 0 > next(reason.weight for reason in reading.reasons(Topic.TRAINING) if reason.term == "ทุจริต")


def test_it_admits_what_it_does_not_know(model: TrainedModel) -> None:
    """Where no word was learned, it says so; the empty text too."""
    assert model.read(CaseText("ทุจริต")).knows_words
    assert not model.read(CaseText("qwerty ฬฬฬ")).knows_words
    assert not model.read(CaseText("")).knows_words
    assert () == model.read(CaseText("")).reasons(Topic.COMPLAINTS)


def test_what_belongs_to_nobody_stays_in_triage(model: TrainedModel) -> None:
    """A text like those that people put under `other` is routed nowhere."""
    assert route("ไฟฟ้าหน้าบ้านดับทุกคืน", first_rules(), model).abstained


def test_it_routes_what_the_rules_cannot(model: TrainedModel) -> None:
    """With a threshold that it reaches, it decides by itself."""
    bold = TrainedModel(**{**vars(model), "threshold": 0.5})
    routing = route("กรรมการยักยอกของกลาง", first_rules(), bold)
    assert (Topic.COMPLAINTS, Method.MODEL) == (routing.topic, routing.method)


def test_it_survives_being_stored(model: TrainedModel) -> None:
    """A stored model judges exactly as it did before, and holds no pickle."""
    stored = model.to_bytes()
    again = TrainedModel.from_bytes(stored)
    text = "เงินงวดของบ้านดอนยังไม่โอน"
    assert model.read(CaseText(text)).probabilities == again.read(CaseText(text)).probabilities
    assert model.threshold == again.threshold
    assert stored == again.to_bytes()


@pytest.mark.parametrize("stored", [b"", b"nonsense", b"\x80\x04N."])
def test_what_is_no_model_is_refused(stored: bytes) -> None:
    """Nothing is unpickled."""
    with pytest.raises(ValueError, match=r"model|pickle"):
        TrainedModel.from_bytes(stored)


def test_training_is_deterministic(trained: tuple[TrainedModel, Figures]) -> None:
    """The same examples give the same model, to the last bit, and the same figures."""
    model, figures = train(EXAMPLES, TERMS, group_of=group_of)
    assert trained[0].to_bytes() == model.to_bytes()
    assert trained[1] == figures


def test_many_examples_teach_another_way(monkeypatch: pytest.MonkeyPatch, model: TrainedModel) -> None:
    """By regression, from words near each other in any order; it is repeated to the last bit, stored and read alike."""
    monkeypatch.setattr(training, "REGRESSION_FROM", len(EXAMPLES))
    many, _ = train(EXAMPLES, TERMS, group_of=group_of)
    assert many.to_bytes() == train(EXAMPLES, TERMS, group_of=group_of)[0].to_bytes()
    text = CaseText("ที่บ้านมีการทุจริต")
    stored = TrainedModel.from_bytes(many.to_bytes())
    assert (many.reach, True) == (stored.reach, many.reach > 0)
    reading = stored.read(text)
    assert many.read(text).probabilities == reading.probabilities
    assert Topic.COMPLAINTS == max(reading.probabilities, key=reading.probabilities.__getitem__)
    assert "ทุจริต" == reading.reasons(Topic.COMPLAINTS)[0].term
    monkeypatch.setattr(training, "REGRESSION_FROM", len(EXAMPLES) + 1)
    assert model.to_bytes() == train(EXAMPLES, TERMS, group_of=group_of)[0].to_bytes()


def test_pairs_of_words_count_in_any_order_up_to_their_reach() -> None:
    """Each with the two words that it is made of and not what stands between them; without a reach, in order."""
    there, back = (features_of(CaseText(text), 8)[1] for text in ("ทุจริต ฝายน้ำล้น", "ฝายน้ำล้น ทุจริต"))
    assert set(there.numbers.tolist()) & set(back.numbers.tolist())
    assert not set(features_of(CaseText("แมว หมา"))[1].numbers) & set(features_of(CaseText("หมา แมว"))[1].numbers)
    far = CaseText(" ".join(["แมว", *["นก"] * 8, "หมา"]))
    near = features_of(CaseText("แมว หมา"), 8)[1].numbers
    assert not set(near) & set(features_of(far, 8)[1].numbers)
    assert set(near) <= set(features_of(far, 9)[1].numbers)
    (pair,) = zip(there.starts[:1].tolist(), there.ends[:1].tolist(), strict=True)
    assert 2 == len(pair[0]) == len(pair[1])


def test_a_model_stored_before_there_was_a_reach_is_read(model: TrainedModel) -> None:
    """It has learned pairs in order."""
    archive = dict(np.load(io.BytesIO(model.to_bytes())))
    del archive["reach"]
    older = io.BytesIO()
    np.savez_compressed(older, **archive)
    text = CaseText("ที่บ้านมีการทุจริต")
    assert model.read(text).probabilities == TrainedModel.from_bytes(older.getvalue()).read(text).probabilities


def test_it_teaches_itself_from_texts_without_a_label() -> None:
    """A word that stands beside a known term in unlabelled texts comes to speak for that term's topic, and not more."""
    beside = [f"{place} ยักยอกกับเสี่ยโรงสี ครั้งที่ {number}" for place in PLACES for number in range(6)]
    text = CaseText("เสี่ยโรงสี")
    alone, taught = (train([], TERMS, unlabelled=texts)[0].read(text) for texts in ((), beside))
    assert taught.probabilities[Topic.COMPLAINTS] > alone.probabilities[Topic.COMPLAINTS]
    assert taught.probabilities[Topic.TRAINING] < taught.probabilities[Topic.COMPLAINTS]


def test_what_has_a_label_is_not_also_read_without_it() -> None:
    """A text that people judged is an example alone."""
    texts = [example.text for example in EXAMPLES]
    assert train(EXAMPLES, TERMS)[0].to_bytes() == train(EXAMPLES, TERMS, unlabelled=texts)[0].to_bytes()


def test_first_examples_teach_and_are_not_counted() -> None:
    """They count as much as an example at first; what people decided of the same text stands."""
    first = [Example("ปลากัดลายหม้อ", "training"), Example(EXAMPLES[0].text, "sufficiency_economy")]
    text = CaseText("ปลากัดลายหม้อ")
    without, _ = train(EXAMPLES, TERMS)
    model, figures = train(EXAMPLES, TERMS, first=first)
    assert len({example.text for example in EXAMPLES}) == figures.examples
    assert model.read(text).probabilities[Topic.TRAINING] > without.read(text).probabilities[Topic.TRAINING]
    assert train(EXAMPLES, TERMS, first=first[:1])[0].to_bytes() == model.to_bytes()


def test_equal_texts_count_once() -> None:
    """Saying a thing a hundred times teaches no more than saying it once."""
    once, _ = train(EXAMPLES[:40], TERMS)
    often, figures = train([*EXAMPLES[:40], *([EXAMPLES[0]] * 100)], TERMS)
    assert once.to_bytes() == often.to_bytes()
    assert 40 == figures.examples


def test_without_examples_it_never_decides_alone() -> None:
    """On the first day it knows the terms, and only supports the rules."""
    model, figures = train([], TERMS)
    assert (0, NEVER_ALONE) == (figures.examples, model.threshold)
    routing = route("ประธานทุจริตยักยอกเงิน", first_rules(), model)
    assert (Topic.COMPLAINTS, Method.RULE) == (routing.topic, routing.method)


def test_one_label_is_nothing_to_learn() -> None:
    """A model of a single label is refused."""
    with pytest.raises(ValueError, match="two labels"):
        train([Example("อบรม", "training")], {"training": {"อบรม": 1}})


def test_figures() -> None:
    """Accuracy, macro F1, calibration error and coverage of a hundred judgements, worked out by hand."""
    # 90 sure and right, 10 unsure (0.6), of which 4 are wrong
    probabilities = np.array([[0.95, 0.05]] * 90 + [[0.6, 0.4]] * 10)
    truth = np.array(["a"] * 96 + ["b"] * 4)
    figures = judge(["a", "b"], probabilities, truth)
    assert figures.accuracy == pytest.approx(0.96)
    assert figures.macro_f1 == pytest.approx((2 * 96 / 196 + 0) / 2)
    assert figures.calibration_error == pytest.approx((90 * 0.05 + 0) / 100)
    assert figures.threshold == pytest.approx(0.6)
    assert figures.coverage == pytest.approx(1.0)


def test_a_model_that_is_not_precise_enough_never_decides() -> None:
    """Where no confidence promises enough precision, there is no threshold to reach."""
    figures = judge(["a", "b"], np.array([[0.9, 0.1]] * 50), np.array(["a", "b"] * 25))
    assert (NEVER_ALONE, 0.0) == (figures.threshold, figures.coverage)


def test_reading_needs_no_scikit_learn() -> None:
    """The service reads models without loading what trains them."""
    told = subprocess.run(
        [sys.executable, "-c", "import chumchon.routing.model, sys; print('sklearn' in sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "False" == told.strip()
