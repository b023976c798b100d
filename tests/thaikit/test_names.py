"""Names with their titles, as people write them."""

import pytest

from thaikit.names import PersonName, person_name, split_title


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("นาย", "สมชาย"),
        ("นาย ", "สมชาย"),
        ("นาย", "กฤษณพงศ์"),
        ("นาย", "กมล"),
        ("นาย", "ณัฐ"),
        ("นาย", "Somchai"),
        ("นาง", "สมใจ"),
        ("นาง", "สาวิตรี"),
        ("นางสาว", "สาวิตรี"),
        ("น.ส.", "สมใจ"),
        ("น.ส ", "สมใจ"),
        ("นส. ", "สมใจ"),
        ("ด.ช.", "ก้อง"),
        ("ด.ญ. ", "มะลิ"),
        ("เด็กหญิง", "มะลิ"),
        ("คุณ", "สมใจ"),
        ("คุณหญิง", "สมใจ"),
        ("ว่าที่ร้อยตรี", "สมชาย"),
        ("ว่าที่ร้อยตรีหญิง ", "สมใจ"),
        ("ว่าที่ ร.ต.", "สมชาย"),
        ("พ.ต.อ.", "สมชาย"),
        ("พ.ต.ท.หญิง ", "สมใจ"),
        ("จ.ส.อ. ", "สมชาย"),
        ("พลเอก", "ประยุทธ์"),
        ("นายแพทย์", "สมชาย"),
        ("ผศ.ดร.", "สมชาย"),
        ("รศ. ดร. ", "สมชาย"),
        ("ศ.", "สมชาย"),
        ("Mr. ", "Somchai"),
        ("MRS.", "SOMJAI"),
        ("Ms ", "Somjai"),
    ],
)
def test_titles_are_told_from_names(title: str, name: str) -> None:
    """With a space or without, several of them, and with the last dot forgotten."""
    assert PersonName(title.strip(), name, "ณ ตัวอย่าง") == person_name(f"{title}{name} ณ ตัวอย่าง")


@pytest.mark.parametrize(
    "name",
    [
        *("นายิกา", "คุณากร", "คุณัญญา", "นางฟ้า", "นายก", "นายกเทศมนตรีตำบล", "นายทะเบียน", "คุณธรรม", "คุณภาพ"),
        *("พลอย", "เรือง", "พันธ์ทิพย์", "ร้อยเอ็ด", "ดรุณี", "รศนา", "ศักดิ์ชัย", "ส.ศิวรักษ์", "Mrinal", "Msizi", "Drew", ""),
    ],
)
def test_what_begins_like_a_title_is_no_title(name: str) -> None:
    """Names, offices and words of the dictionary stay whole."""
    assert ("", name) == split_title(name)
    assert PersonName("", name, "ใจดี" if name else "") == person_name(f"{name} ใจดี" if name else "")


def test_titles_alone_leave_no_name() -> None:
    """Who writes only a title has said no name."""
    assert ("นาย", "") == split_title(" นาย ")
