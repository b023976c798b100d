"""Measure routing: the Office's first day on our own texts, and how it learns on any that people have put under labels.

`python -m devstack.bench_routing DATA` reads `truevoice_train.csv[.gz]` and `truevoice_test_a.csv` there (calls to a
telephone company; the terms for its seven labels are below, written after reading some of the training texts).
`--train FILE --test FILE --text COLUMN --label COLUMN` measures other files, from no examples on only with
`--terms FILE` (JSON: label, term, weight). Texts of the test that also stand in the training file are left out, and
equal texts count once. As at the Office, what has no label yet is still read: the training texts beyond the examples,
without their labels.

`office_cases.jsonl` has texts written for this project, under our nine topics and `other`, that neither the first terms
nor the first examples were improved by: most by somebody who had seen neither, the rest to be hard.
"""

import csv
import gzip
import io
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, TypeVar

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from chumchon.routing.day_one import day_one_model
from chumchon.routing.examples import Example
from chumchon.routing.model import TrainedModel
from chumchon.routing.rules import Rules, first_rules, route
from chumchon.routing.texts import CaseText
from chumchon.routing.training import Figures, judge, train
from chumchon.work_groups import OTHER, Topic, work_group_of

Terms = Mapping[str, Mapping[str, float]]
Value = TypeVar("Value")

SIZES: Final = (0, 100, 500, 1_000, 5_000)
# A learning curve from one draw of a few hundred examples says more about the draw.
DRAWS: Final = 3
SEED: Final = 7
MEASURES: Final = (
    ("accuracy", "accuracy"),
    ("macro-F1", "macro_f1"),
    ("ECE", "calibration_error"),
    ("coverage at 95 %", "coverage"),
)
TARGETS: Final[Mapping[int | str, Mapping[str, float]]] = {
    0: {"accuracy": 0.73, "macro_f1": 0.77, "calibration_error": 0.12},
    500: {"accuracy": 0.80, "macro_f1": 0.83, "calibration_error": 0.06, "coverage": 0.55},
    "all": {"accuracy": 0.87, "macro_f1": 0.89, "calibration_error": 0.05, "coverage": 0.70},
}
COSTED_CASES: Final = 10_000
COSTED_READINGS: Final = 200
CALLS_A_CASE: Final = 8
TRAINING_SECONDS: Final = 60.0
ROUTING_MILLISECONDS: Final = 10.0
_CALL_TERMS: Final = {
    "billing and payment": """
        ค่าบริการ ชำระ ชำระค่าบริการ จ่ายเงิน จ่ายค่า บิล ยอดเงิน เช็คยอด ยอดค้าง ยอดคงเหลือ ใบแจ้งหนี้
        ค้างชำระ วงเงิน ค่าโทร รอบบิล ใบเสร็จ เปิดสัญญาณ ถูกตัด หักบัญชี หักเงิน ถูกระงับ ระงับสัญญาณ
        โทรออกไม่ได้ โทรเข้าไม่ได้ โดนตัด วันหมดอายุ เติมเงิน เติมเงินไม่ได้ เติมเงินไม่เข้า โอนเงิน บัตรเครดิต
        เปิดใช้บริการ เปิดเบอร์ เปลี่ยนที่อยู่ เปลี่ยนชื่อ ลงทะเบียน จดทะเบียน ซิมใช้งานไม่ได้ เบอร์นี้เบอร์อะไร
        ไม่มีสัญญาณ
    """,
    "promotions": """
        โปรโมชั่น โปร แพ็กเกจ แพคเกจ แพ็คเกจ เพกเกจ package เปลี่ยนโปรโมชั่น เปลี่ยนโปร สมัครโปร สมัคร
        สมัครแพ็กเกจ สมัครอินเตอร์เน็ต สมัครเน็ต สมัครบริการเสริม โปรเสริม โปรอินเตอร์เน็ต แพ็กเกจอินเตอร์เน็ต ต่อโปร
        โทรฟรี บุฟเฟ่ต์ ส่วนลด โปรโมชั่นเสริม รายเดือน รายวัน อันลิมิเต็ด ซื้อแพ็กเกจ ซื้อชั่วโมง เพิ่มชั่วโมง ซื้อวัน
        บีบี โบนัส อัตราค่าโทร
    """,
    "internet": """
        อินเตอร์เน็ต เน็ต wifi ไวไฟ internet edge gprs จีพีอาร์เอส สามจี ต่อเน็ต เล่นเน็ต เข้าเน็ต เน็ตใช้ไม่ได้
        อินเตอร์เน็ตใช้ไม่ได้ เล่นเน็ตไม่ได้ ความเร็ว เชื่อมต่อ เน็ตช้า ตั้งค่า aircard แอร์การ์ด หลุดบ่อย
        สัญญาณอินเตอร์เน็ต สมาร์ทโฟน ไอแพด พาสเวิร์ด รหัสไวไฟ ยูเซอร์เนม puk
    """,
    "international dialing": """
        ต่างประเทศ ประเทศ โรมมิ่ง โทรต่างประเทศ โทรทางไกล ไปต่างประเทศ ทางไกลต่างประเทศ ระหว่างประเทศ roaming ข้ามแดน
        โทรไปต่างประเทศ ญี่ปุ่น เมืองจีน ประเทศลาว มาเลเซีย เกาหลี ฮ่องกง อเมริกา
    """,
    "lost and stolen": """
        หาย มือถือหาย โทรศัพท์หาย ซิมหาย ขโมย ถูกขโมย เครื่องหาย ซิมการ์ดหาย ทำหาย อายัดซิม
    """,
    "true money": """
        ทรูมันนี่ บัตรทรูมันนี่ การ์ดเติมเงิน ทรูมันนี่การ์ด ขูดรหัส รหัสบัตร บัตรเติมเงินทรูมันนี่
        เติมเงินผิดเบอร์ เติมผิด กระเป๋าทรูมันนี่
    """,
    "other queries": """
        ยกเลิก ยกเลิกบริการ เสียงรอสาย เพลงรอสาย โหลดเพลง ยกเลิกเสียงรอสาย ยกเลิกข้อความ ข้อความรบกวน ยกเลิกแพ็กเกจ
        ยกเลิกอินเตอร์เน็ต sms ข้อความ ดูดวง ย้ายค่าย ศูนย์บริการ สาขา ยกเลิกเบอร์ ปิดเบอร์ ปิดเน็ต ทรูการ์ด แบล็คการ์ด สิทธิ์
        ทรูวิชั่น ยูบีซี กล่อง โมเด็ม เราเตอร์ รีโมท ช่าง โทรศัพท์บ้าน โอนสาย ซื้อเครื่อง จอง
    """,
}
CALL_TERMS: Final = {label: dict.fromkeys(terms.split(), 2.0) for label, terms in _CALL_TERMS.items()}
screen = Console()


def read_examples(path: Path, text: str, label: str) -> list[Example]:
    """The rows of a CSV file, plain or compressed, each text once."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    found = [Example(row[text], row[label]) for row in rows]
    return list({example.text: example for example in found}.values())


@dataclass(frozen=True)
class FirstDay:
    """How the Office did on texts before anybody has confirmed anything.

    `routed` of the `texts` went to a group by themselves, `right` of those to the right one. `of_ours` have a topic;
    it was proposed first for `first` of them, and among the two proposals for `among_two`.
    """

    texts: int
    routed: int
    right: int
    of_ours: int
    first: int
    among_two: int


def office_cases() -> list[Example]:
    """Our own texts, which no part of the first day has seen."""
    lines = resources.files(__package__).joinpath("office_cases.jsonl").read_text("utf-8").splitlines()
    return [Example(case["text"], case["topic"]) for case in map(json.loads, lines)]


def first_day(cases: Sequence[Example]) -> FirstDay:
    """Route texts as the service does while no model has been trained."""
    rules = first_rules()
    model = day_one_model(rules)
    told = [(case.label, route(case.text, rules, model)) for case in cases]
    routed = [(label, routing.work_group) for label, routing in told if not routing.abstained]
    ours = [(label, [proposal.topic for proposal in routing.proposals]) for label, routing in told if label != OTHER]
    return FirstDay(
        texts=len(told),
        routed=len(routed),
        right=sum(label != OTHER and work_group_of(Topic(label)) is group for label, group in routed),
        of_ours=len(ours),
        first=sum(label in topics[:1] for label, topics in ours),
        among_two=sum(label in topics for label, topics in ours),
    )


def first_day_table() -> Table:
    """What the first day makes of our own texts."""
    table = Table("our nine topics", "texts", "routed alone", "right", "topic first", "among two", box=box.SIMPLE)
    day = first_day(office_cases())
    table.add_row(
        "first day",
        str(day.texts),
        f"{day.routed / day.texts:.0%}",
        f"{day.right} of {day.routed}",
        f"{day.first / day.of_ours:.0%}",
        f"{day.among_two / day.of_ours:.0%}",
    )
    return table


def measure(
    examples: Sequence[Example], terms: Terms, test: Sequence[Example], *, unlabelled: Sequence[str] = ()
) -> Figures:
    """The figures of a model on the test."""
    model, _ = train(examples, terms, unlabelled=unlabelled)
    told = [model.read(CaseText(example.text)).probabilities for example in test]
    probabilities = np.array([[one[label] for label in model.labels] for one in told])
    return judge(model.labels, probabilities, np.array([example.label for example in test]))


def curve(examples: Sequence[Example], terms: Terms, test: Sequence[Example]) -> Table:
    """A table of how good models are that have learned from more and more examples, with the targets."""
    table = Table("examples", *(name for name, _ in MEASURES), box=box.SIMPLE)
    chance = random.Random(SEED)  # noqa: S311  # draws that are the same in every run
    for size in [*(size for size in SIZES if size < len(examples) and (size or terms)), len(examples)]:
        draws = DRAWS if 0 < size < len(examples) else 1
        with screen.status(f"learning from {size:,} examples …"):
            measured = [_drawn(chance.sample(examples, len(examples)), size, terms, test) for _ in range(draws)]
        targets = TARGETS.get("all" if size == len(examples) else size, {})
        table.add_row(
            f"{size:,}",
            *(
                _beside(float(np.mean([getattr(one, field) for one in measured])), targets.get(field), field)
                for _, field in MEASURES
            ),
        )
    return table


def _drawn(examples: Sequence[Example], size: int, terms: Terms, test: Sequence[Example]) -> Figures:
    return measure(examples[:size], terms, test, unlabelled=[example.text for example in examples[size:]])


def _beside(value: float, target: float | None, field: str) -> str:
    if target is None:
        return f"{value:.3f}"
    reached = value <= target if field == "calibration_error" else value >= target
    return (
        f"[{'green' if reached else 'yellow'}]{value:.3f}[/] ({'≤' if field == 'calibration_error' else '≥'} {target})"
    )


def costs(examples: Sequence[Example], terms: Terms) -> bool:
    """Print what routing and training cost in processor time, on cases as long as complaints; whether they may.

    The calls have some fifty characters; a case here is several of one label on end.
    """
    by_label: dict[str, list[str]] = {}
    for example in examples:
        by_label.setdefault(example.label, []).append(example.text)
    chance = random.Random(SEED)  # noqa: S311  # the same in every run
    labels = chance.choices([example.label for example in examples], k=COSTED_CASES)
    cases = [Example("\n".join(chance.choices(by_label[label], k=CALLS_A_CASE)), label) for label in labels]
    with screen.status(f"learning from {COSTED_CASES:,} cases …"):
        trained, model_seconds = _timed(partial(train, cases, terms))
    model, _ = trained
    rules = first_rules()
    texts = [case.text for case in cases[:COSTED_READINGS]]
    _, seconds = _timed(lambda: [_read(text, rules, model) for text in texts])
    milliseconds = seconds * 1000 / len(texts)
    for what, value, most, unit in (
        (f"training on {COSTED_CASES:,} cases", model_seconds, TRAINING_SECONDS, "s"),
        ("routing one case", milliseconds, ROUTING_MILLISECONDS, "ms"),
    ):
        screen.print(
            f"{what}: [{'green' if value < most else 'red'}]{value:.1f}[/] {unit} of processor (< {most:g} {unit})"
        )
    return model_seconds < TRAINING_SECONDS and milliseconds < ROUTING_MILLISECONDS


def _read(text: str, rules: Rules, model: TrainedModel) -> object:
    """Do with a text what routing does, with the Office's rules beside a model of other labels."""
    case = CaseText(text)
    list(rules.matches(case))
    reading = model.read(case)
    return reading.reasons(max(reading.probabilities, key=reading.probabilities.__getitem__))


def _timed(work: Callable[[], Value]) -> tuple[Value, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def main(
    data: Annotated[Path | None, typer.Argument(help="The folder with the truevoice files.")] = None,
    *,
    train_file: Annotated[Path | None, typer.Option("--train", help="CSV to learn from.")] = None,
    test_file: Annotated[Path | None, typer.Option("--test", help="CSV to be judged on.")] = None,
    text: Annotated[str, typer.Option(help="Its column with the text.")] = "text",
    label: Annotated[str, typer.Option(help="Its column with the label.")] = "destination",
    terms_file: Annotated[Path | None, typer.Option("--terms", help="JSON: label, term, weight.")] = None,
) -> None:
    """Print how good routing is from the first day on, and fail where it costs too much."""
    screen.print(first_day_table())
    terms: Terms = {}
    if data is not None:
        compressed, plain = data / "truevoice_train.csv.gz", data / "truevoice_train.csv"
        train_file = train_file or (compressed if compressed.is_file() else plain)
        test_file = test_file or data / "truevoice_test_a.csv"
        terms = CALL_TERMS
    if terms_file is not None:
        terms = json.loads(terms_file.read_text("utf-8"))
    if train_file is None or test_file is None:
        raise typer.BadParameter("name a folder, or both --train and --test")
    for path in (train_file, test_file):
        if not path.is_file():
            screen.print(f"[yellow]skipped: {path} is missing[/]")
            return
    examples = read_examples(train_file, text, label)
    seen = {example.text for example in examples}
    test = [example for example in read_examples(test_file, text, label) if example.text not in seen]
    screen.print(f"{len(examples):,} texts to learn from, {len(test):,} to be judged on")
    screen.print(curve(examples, terms, test))
    if not costs(examples, terms):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
