"""Measure how routing learns, on any texts that people have put under labels.

`python -m devstack.bench_routing DATA` reads `truevoice_train.csv[.gz]` and `truevoice_test_a.csv` there (calls to a
telephone company; the terms for its seven labels are below). `--train FILE --test FILE --text COLUMN --label COLUMN`
measures other files, from no examples on only with `--terms FILE` (JSON: label, term, weight). Texts of the test that
also stand in the training file are left out, and equal texts count once.
"""

import csv
import gzip
import io
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from chumchon.routing.training import Example, Figures, judge, train

Terms = Mapping[str, Mapping[str, float]]

SIZES: Final = (0, 100, 500, 1_000, 5_000)
# A learning curve from one draw of a few hundred examples says more about the draw.
DRAWS: Final = 3
SEED: Final = 7
_CALL_TERMS: Final = {
    "billing and payment": """
        ค่าบริการ ชำระ ชำระค่าบริการ จ่ายเงิน จ่ายค่า บิล ยอดเงิน เช็คยอด ยอดค้าง ยอดคงเหลือ ใบแจ้งหนี้
        ค้างชำระ วงเงิน ค่าโทร รอบบิล ใบเสร็จ เปิดสัญญาณ ถูกตัด หักบัญชี หักเงิน ถูกระงับ ระงับสัญญาณ
        โทรออกไม่ได้ โดนตัด วันหมดอายุ เติมเงิน เติมเงินไม่ได้ โอนเงิน เปิดใช้บริการ เปิดเบอร์
        เปลี่ยนที่อยู่
    """,
    "promotions": """
        โปรโมชั่น โปร แพ็กเกจ แพคเกจ แพ็คเกจ เพกเกจ เปลี่ยนโปรโมชั่น เปลี่ยนโปร สมัครโปร สมัคร สมัครแพ็กเกจ
        สมัครอินเตอร์เน็ต สมัครบริการเสริม โปรเสริม โทรฟรี บุฟเฟ่ต์ ส่วนลด โปรโมชั่นเสริม รายเดือน รายวัน
        อันลิมิเต็ด ซื้อแพ็กเกจ ซื้อชั่วโมง เพลงรอสาย โหลดเพลง
    """,
    "internet": """
        อินเตอร์เน็ต เน็ต wifi ไวไฟ internet edge gprs 3g ต่อเน็ต เล่นเน็ต เข้าเน็ต เน็ตใช้ไม่ได้
        อินเตอร์เน็ตใช้ไม่ได้ ความเร็ว เชื่อมต่อ เน็ตช้า ตั้งค่า aircard แอร์การ์ด หลุดบ่อย
        สัญญาณอินเตอร์เน็ต สมาร์ทโฟน ไอแพด
    """,
    "international dialing": """
        ต่างประเทศ โรมมิ่ง โทรต่างประเทศ โทรทางไกล ไปต่างประเทศ ทางไกลต่างประเทศ roaming ข้ามแดน
        โทรไปต่างประเทศ
    """,
    "lost and stolen": """
        หาย มือถือหาย โทรศัพท์หาย ซิมหาย ขโมย ถูกขโมย เครื่องหาย ซิมการ์ดหาย ทำหาย
    """,
    "true money": """
        ทรูมันนี่ บัตรเติมเงิน บัตรทรูมันนี่ เติมเงินไม่เข้า การ์ดเติมเงิน ทรูมันนี่การ์ด ขูดรหัส รหัสบัตร
        เติมเงินผิดเบอร์ เติมผิด
    """,
    "other queries": """
        ยกเลิก ยกเลิกบริการ เสียงรอสาย ยกเลิกเสียงรอสาย ยกเลิกข้อความ ยกเลิกแพ็กเกจ ยกเลิกอินเตอร์เน็ต sms
        ข้อความ ย้ายค่าย เปลี่ยนชื่อ จดทะเบียน ซิมใหม่ เปลี่ยนซิม ศูนย์บริการ ยกเลิกเบอร์ ปิดเบอร์ ปิดเน็ต
        ทรูวิชั่น กล่อง โมเด็ม เราเตอร์ รหัสผ่าน รีโมท
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


def measure(examples: Sequence[Example], terms: Terms, test: Sequence[Example]) -> tuple[Figures, float, float]:
    """The figures of a model on the test, the seconds that training took, and the milliseconds for one text."""
    began = time.perf_counter()
    model, _ = train(examples, terms)
    trained = time.perf_counter()
    told = [model.read(example.text).probabilities for example in test]
    read = time.perf_counter()
    probabilities = np.array([[one[label] for label in model.labels] for one in told])
    figures = judge(model.labels, probabilities, np.array([example.label for example in test]))
    return figures, trained - began, (read - trained) * 1000 / len(test)


def curve(examples: Sequence[Example], terms: Terms, test: Sequence[Example]) -> Table:
    """A table of how good models are that have learned from more and more examples."""
    table = Table(
        "examples", "accuracy", "macro-F1", "ECE", "coverage at 95 %", "training s", "ms a text", box=box.SIMPLE
    )
    chance = random.Random(SEED)  # noqa: S311  # draws that are the same in every run
    for size in [*(size for size in SIZES if size < len(examples) and (size or terms)), len(examples)]:
        draws = DRAWS if 0 < size < len(examples) else 1
        with screen.status(f"learning from {size:,} examples …"):
            measured = [measure(chance.sample(examples, size), terms, test) for _ in range(draws)]
        figures = [one for one, _, _ in measured]
        table.add_row(
            f"{size:,}",
            *(
                f"{np.mean([getattr(one, name) for one in figures]):.3f}"
                for name in ("accuracy", "macro_f1", "calibration_error", "coverage")
            ),
            f"{np.mean([seconds for _, seconds, _ in measured]):.1f}",
            f"{np.mean([milliseconds for _, _, milliseconds in measured]):.2f}",
        )
    return table


def main(
    data: Annotated[Path | None, typer.Argument(help="The folder with the truevoice files.")] = None,
    *,
    train_file: Annotated[Path | None, typer.Option("--train", help="CSV to learn from.")] = None,
    test_file: Annotated[Path | None, typer.Option("--test", help="CSV to be judged on.")] = None,
    text: Annotated[str, typer.Option(help="Its column with the text.")] = "text",
    label: Annotated[str, typer.Option(help="Its column with the label.")] = "destination",
    terms_file: Annotated[Path | None, typer.Option("--terms", help="JSON: label, term, weight.")] = None,
) -> None:
    """Print how good routing is from the first day on."""
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


if __name__ == "__main__":
    typer.run(main)
