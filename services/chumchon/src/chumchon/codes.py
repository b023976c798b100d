"""Code lists: every code that the Office uses, with what people call it in Thai and English."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from chumchon.journey import Channel, Origin, State
from chumchon.routing.rules import Method
from chumchon.work_groups import TOPICS, WORK_GROUPS
from schemas.bodies import Channel as CentreChannel
from schemas.bodies import ErasureGround, Kind, ReturnReason
from servicekit.codes import Code, CodeList
from servicekit.words import Words


class MessageKind(StrEnum):
    """What was told about a case on its way."""

    PROGRESS = "progress"
    QUESTION = "question"
    REPLY = "reply"
    AMENDMENT = "amendment"
    CONTEST = "contest"


class DeliveryKind(StrEnum):
    """What is to be told to a complainant."""

    ANSWER = "answer"
    QUESTION = "question"
    PROGRESS = "progress"
    ACKNOWLEDGEMENT = "acknowledgement"


class DeliveryState(StrEnum):
    """Whether the complainant was told."""

    TO_SEND = "to_send"
    SENT = "sent"
    SHOWN = "shown"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    """The mail server, or the complainant's, will not take it: somebody has to find another way."""


class FileKind(StrEnum):
    """How a file came with its case, or that it goes with its answer."""

    ORIGINAL = "original"
    ATTACHMENT = "attachment"
    SCAN = "scan"
    ANSWER = "answer"


class MailReason(StrEnum):
    """By what a mail was known to be no person's, so that no case was made of it."""

    DELIVERY_REPORT = "delivery_report"
    MACHINE_SENDER = "machine_sender"
    EMPTY_RETURN_PATH = "empty_return_path"
    OTHER_REPORT = "other_report"
    AUTO_SUBMITTED = "auto_submitted"
    AUTORESPONDER = "autoresponder"
    PRECEDENCE = "precedence"
    OWN_ADDRESS = "own_address"


class MailOutcome(StrEnum):
    """What was made of a mail."""

    OPENED = "opened"
    REPLY = "reply"
    RECORDED = "recorded"
    UNREADABLE = "unreadable"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"


class ClosureReason(StrEnum):
    """Why a case of our own channels ended without an answer."""

    SPAM = "spam"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    NOT_OURS = "not_ours"
    OTHER = "other"


class Standing(StrEnum):
    """How an open case stands to its deadline, while its clock runs."""

    OVERDUE = "overdue"
    NEAR_DUE = "near_due"
    IN_TIME = "in_time"


class TrainingOutcome(StrEnum):
    """Whether a newly trained routing model is better than what was in force, on confirmations held back."""

    BETTER = "better"
    NOT_BETTER = "not_better"


_DATA_PROTECTION = Words(
    "พระราชบัญญัติคุ้มครองข้อมูลส่วนบุคคล พ.ศ. 2562 มาตรา 33 และมาตรา 37 (3)",
    "Personal Data Protection Act B.E. 2562 (2019), sections 33 and 37 (3)",
)

CODE_LISTS: Mapping[str, CodeList] = MappingProxyType(
    {
        "origins": {
            Origin.CHANNEL: Code(Words("ช่องทางของสำนักงาน", "A channel of the Office's own")),
            Origin.REFERRAL: Code(Words("ส่งต่อจากศูนย์ 1111", "Referred by the Centre")),
        },
        "channels": {
            Channel.PO_BOX: Code(Words("ตู้ ปณ. 4", "P.O. box 4")),
            Channel.FAX: Code(Words("โทรสาร", "Fax")),
            Channel.TELEPHONE: Code(Words("โทรศัพท์", "Telephone")),
            Channel.WEBSITE: Code(Words("เว็บไซต์ www.chumchon.go.th", "Website www.chumchon.go.th")),
            Channel.EMAIL: Code(Words("อีเมล info@chumchon.go.th", "Email info@chumchon.go.th")),
        },
        "centre_channels": {
            CentreChannel.LETTER: Code(Words("ตู้ ปณ. 1111", "Letter to P.O. box 1111")),
            CentreChannel.HOTLINE: Code(Words("สายด่วน 1111", "Hotline 1111")),
            CentreChannel.WALK_IN: Code(Words("ศูนย์บริการประชาชน ทำเนียบรัฐบาล", "Service centre at Government House")),
            CentreChannel.WEBSITE: Code(Words("เว็บไซต์ www.1111.go.th", "Website www.1111.go.th")),
        },
        "kinds": {
            Kind.COMPLAINT: Code(Words("ร้องเรียน", "Complaint")),
            Kind.INQUIRY: Code(Words("สอบถาม", "Inquiry")),
            Kind.SUGGESTION: Code(Words("ข้อเสนอแนะ", "Suggestion")),
            Kind.REQUEST: Code(Words("ขอความช่วยเหลือ", "Request")),
        },
        "states": {
            State.NEW: Code(Words("รอคัดแยก", "Waits in triage")),
            State.ROUTED: Code(Words("ส่งกลุ่มงานแล้ว", "Routed to a work group")),
            State.ACCEPTED: Code(Words("กลุ่มงานรับเรื่องแล้ว", "Accepted by the work group")),
            State.AWAITING_COMPLAINANT: Code(Words("รอข้อมูลจากผู้ร้อง", "Waits for the complainant")),
            State.ANSWERED: Code(Words("ตอบแล้ว", "Answered")),
            State.RETURNED: Code(Words("ส่งคืนศูนย์ 1111", "Returned to the Centre")),
            State.WITHDRAWN: Code(Words("ถอนเรื่อง", "Withdrawn")),
            State.CLOSED: Code(Words("ยุติเรื่องโดยไม่มีคำตอบ", "Closed without an answer")),
        },
        "work_groups": {code: Code(Words(group.th, group.en)) for code, group in WORK_GROUPS.items()},
        "topics": {code: Code(Words(topic.th, topic.en)) for code, topic in TOPICS.items()},
        "routing_methods": {
            Method.RULE: Code(Words("กฎคำสำคัญ", "Rules")),
            Method.MODEL: Code(Words("แบบจำลอง", "Model")),
            Method.PERSON: Code(Words("เจ้าหน้าที่", "A person")),
        },
        "standings": {
            Standing.OVERDUE: Code(Words("เกินกำหนด", "Overdue")),
            Standing.NEAR_DUE: Code(Words("ใกล้ครบกำหนด", "Near due")),
            Standing.IN_TIME: Code(Words("อยู่ในกำหนด", "In time")),
        },
        "training_outcomes": {
            TrainingOutcome.BETTER: Code(Words("ดีกว่าที่ใช้อยู่", "Better than what was in force")),
            TrainingOutcome.NOT_BETTER: Code(Words("ไม่ดีกว่าที่ใช้อยู่", "Not better than what was in force")),
        },
        "return_reasons": {
            ReturnReason.NOT_OURS: Code(Words("ไม่อยู่ในอำนาจหน้าที่", "Not ours to answer")),
            ReturnReason.UNCLEAR: Code(Words("ข้อมูลไม่ชัดเจน", "Unclear")),
            ReturnReason.DUPLICATE: Code(Words("เรื่องซ้ำ", "Duplicate")),
            ReturnReason.ALREADY_ANSWERED: Code(Words("เคยตอบแล้ว", "Already answered")),
            ReturnReason.OTHER: Code(Words("อื่น ๆ (ต้องระบุหมายเหตุ)", "Other (with a note)")),
        },
        "closure_reasons": {
            ClosureReason.SPAM: Code(Words("ข้อความขยะหรือโฆษณา", "Spam")),
            ClosureReason.DUPLICATE: Code(Words("เรื่องซ้ำ (ต้องระบุเรื่องเดิม)", "Duplicate (of which case)")),
            ClosureReason.WITHDRAWN: Code(Words("ผู้ร้องขอถอนเรื่อง", "Taken back by the complainant")),
            ClosureReason.NOT_OURS: Code(Words("ไม่อยู่ในอำนาจหน้าที่", "Not ours to answer")),
            ClosureReason.OTHER: Code(Words("อื่น ๆ", "Other")),
        },
        "erasure_grounds": {
            ErasureGround.NO_LONGER_NECESSARY: Code(
                Words("หมดความจำเป็นในการเก็บรักษาตามวัตถุประสงค์", "No longer necessary for its purposes"),
                _DATA_PROTECTION,
            ),
            ErasureGround.CONSENT_WITHDRAWN: Code(
                Words("เจ้าของข้อมูลถอนความยินยอม และไม่มีอำนาจตามกฎหมายที่จะเก็บต่อ", "Consent withdrawn, no other ground"),
                _DATA_PROTECTION,
            ),
            ErasureGround.OBJECTION: Code(
                Words("เจ้าของข้อมูลคัดค้าน และไม่อาจปฏิเสธคำคัดค้านได้", "An objection that cannot be refused"),
                _DATA_PROTECTION,
            ),
            ErasureGround.UNLAWFUL_PROCESSING: Code(
                Words("เก็บรวบรวม ใช้ หรือเปิดเผยโดยไม่ชอบด้วยกฎหมาย", "Unlawfully collected, used or disclosed"),
                _DATA_PROTECTION,
            ),
            ErasureGround.RETENTION_ENDED: Code(
                Words("พ้นกำหนดระยะเวลาการเก็บรักษา", "The period of retention has ended"), _DATA_PROTECTION
            ),
        },
        "message_kinds": {
            MessageKind.PROGRESS: Code(Words("รายงานความคืบหน้า", "Progress")),
            MessageKind.QUESTION: Code(Words("ขอข้อมูลเพิ่มเติม", "Question to the complainant")),
            MessageKind.REPLY: Code(Words("คำตอบของผู้ร้อง", "The complainant's reply")),
            MessageKind.AMENDMENT: Code(Words("ข้อมูลเพิ่มเติมจากศูนย์ 1111", "Amendment by the Centre")),
            MessageKind.CONTEST: Code(Words("ผู้ร้องโต้แย้งคำตอบ", "The answer is contested")),
        },
        "delivery_kinds": {
            DeliveryKind.ANSWER: Code(Words("คำตอบ", "Answer")),
            DeliveryKind.QUESTION: Code(Words("ขอข้อมูลเพิ่มเติม", "Question")),
            DeliveryKind.PROGRESS: Code(Words("รายงานความคืบหน้า", "Progress")),
            DeliveryKind.ACKNOWLEDGEMENT: Code(Words("แจ้งรับเรื่อง", "Acknowledgement")),
        },
        "delivery_states": {
            DeliveryState.TO_SEND: Code(Words("รอส่ง", "To be sent")),
            DeliveryState.SENT: Code(Words("ส่งแล้ว", "Sent")),
            DeliveryState.SHOWN: Code(Words("แสดงบนเว็บไซต์", "Shown online")),
            DeliveryState.SUPERSEDED: Code(Words("มีฉบับใหม่แทน", "Superseded before it was sent")),
            DeliveryState.FAILED: Code(Words("ส่งไม่สำเร็จ ต้องแจ้งทางอื่น", "Could not be sent: find another way")),
        },
        "file_kinds": {
            FileKind.ORIGINAL: Code(Words("ต้นฉบับ", "The original")),
            FileKind.ATTACHMENT: Code(Words("ไฟล์แนบ", "Attachment")),
            FileKind.SCAN: Code(Words("ภาพสแกน", "Scan")),
            FileKind.ANSWER: Code(Words("เอกสารประกอบคำตอบ", "Goes with the answer")),
        },
        "mail_reasons": {
            MailReason.DELIVERY_REPORT: Code(Words("รายงานการส่งอีเมล", "A report on a delivery (RFC 3464)")),
            MailReason.MACHINE_SENDER: Code(Words("ส่งจากระบบอีเมล", "Sent by a mail system")),
            MailReason.EMPTY_RETURN_PATH: Code(Words("ไม่มีที่อยู่ตอบกลับ", "Its return path is empty")),
            MailReason.OTHER_REPORT: Code(Words("รายงานอัตโนมัติ", "A report of another kind")),
            MailReason.AUTO_SUBMITTED: Code(Words("ระบุว่าส่งโดยอัตโนมัติ", "It says that a program sent it (RFC 3834)")),
            MailReason.AUTORESPONDER: Code(Words("ข้อความตอบกลับอัตโนมัติ", "An autoresponder's")),
            MailReason.PRECEDENCE: Code(Words("ระบุไว้ใน Precedence", "Its precedence says so")),
            MailReason.OWN_ADDRESS: Code(Words("มาจากที่อยู่ของสำนักงานเอง", "From an address of our own")),
        },
        "mail_outcomes": {
            MailOutcome.OPENED: Code(Words("เปิดเรื่องใหม่", "Opened a case")),
            MailOutcome.REPLY: Code(Words("เพิ่มในเรื่องเดิม", "Added to its case")),
            MailOutcome.RECORDED: Code(Words("บันทึกไว้แล้ว", "Was recorded as a case before")),
            MailOutcome.UNREADABLE: Code(Words("อ่านไม่ได้ เปิดเรื่องไว้แล้ว", "Unreadable; opened a case that says so")),
            MailOutcome.AUTOMATIC: Code(Words("ข้อความอัตโนมัติ ไม่เปิดเรื่อง", "Automatic; no case")),
            MailOutcome.BOUNCE: Code(Words("แจ้งส่งไม่ถึง", "A mail of ours came back")),
        },
    }
)
"""List name -> its codes."""
