"""Code lists: every code that the Office uses, with what people call it in Thai and English."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from chumchon.journey import Channel, Origin, State
from chumchon.routing.rules import Method
from chumchon.work_groups import TOPICS, WORK_GROUPS
from schemas.bodies import Channel as CentreChannel
from schemas.bodies import Kind, ReturnReason
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
    """How a file came with its case."""

    ORIGINAL = "original"
    ATTACHMENT = "attachment"
    SCAN = "scan"


class MailOutcome(StrEnum):
    """What was made of a mail."""

    OPENED = "opened"
    REPLY = "reply"
    RECORDED = "recorded"
    UNREADABLE = "unreadable"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"


class Standing(StrEnum):
    """How an open case stands to its deadline."""

    OVERDUE = "overdue"
    NEAR_DUE = "near_due"
    IN_TIME = "in_time"


class TrainingOutcome(StrEnum):
    """Whether a newly trained routing model is better than what was in force, on confirmations held back."""

    BETTER = "better"
    NOT_BETTER = "not_better"


CODE_LISTS: Mapping[str, Mapping[str, Words]] = MappingProxyType(
    {
        "origins": {
            Origin.CHANNEL: Words("ช่องทางของสำนักงาน", "A channel of the Office's own"),
            Origin.REFERRAL: Words("ส่งต่อจากศูนย์ 1111", "Referred by the Centre"),
        },
        "channels": {
            Channel.PO_BOX: Words("ตู้ ปณ. 4", "P.O. box 4"),
            Channel.FAX: Words("โทรสาร", "Fax"),
            Channel.TELEPHONE: Words("โทรศัพท์", "Telephone"),
            Channel.WEBSITE: Words("เว็บไซต์ www.chumchon.go.th", "Website www.chumchon.go.th"),
            Channel.EMAIL: Words("อีเมล info@chumchon.go.th", "Email info@chumchon.go.th"),
        },
        "centre_channels": {
            CentreChannel.LETTER: Words("ตู้ ปณ. 1111", "Letter to P.O. box 1111"),
            CentreChannel.HOTLINE: Words("สายด่วน 1111", "Hotline 1111"),
            CentreChannel.WALK_IN: Words("ศูนย์บริการประชาชน ทำเนียบรัฐบาล", "Service centre at Government House"),
            CentreChannel.WEBSITE: Words("เว็บไซต์ www.1111.go.th", "Website www.1111.go.th"),
        },
        "kinds": {
            Kind.COMPLAINT: Words("ร้องเรียน", "Complaint"),
            Kind.INQUIRY: Words("สอบถาม", "Inquiry"),
            Kind.SUGGESTION: Words("ข้อเสนอแนะ", "Suggestion"),
            Kind.REQUEST: Words("ขอความช่วยเหลือ", "Request"),
        },
        "states": {
            State.NEW: Words("รอคัดแยก", "Waits in triage"),
            State.ROUTED: Words("ส่งกลุ่มงานแล้ว", "Routed to a work group"),
            State.ACCEPTED: Words("กลุ่มงานรับเรื่องแล้ว", "Accepted by the work group"),
            State.AWAITING_COMPLAINANT: Words("รอข้อมูลจากผู้ร้อง", "Waits for the complainant"),
            State.ANSWERED: Words("ตอบแล้ว", "Answered"),
            State.RETURNED: Words("ส่งคืนศูนย์ 1111", "Returned to the Centre"),
            State.WITHDRAWN: Words("ถอนเรื่อง", "Withdrawn"),
        },
        "work_groups": {code: Words(group.th, group.en) for code, group in WORK_GROUPS.items()},
        "topics": {code: Words(topic.th, topic.en) for code, topic in TOPICS.items()},
        "routing_methods": {
            Method.RULE: Words("กฎคำสำคัญ", "Rules"),
            Method.MODEL: Words("แบบจำลอง", "Model"),
            Method.PERSON: Words("เจ้าหน้าที่", "A person"),
        },
        "standings": {
            Standing.OVERDUE: Words("เกินกำหนด", "Overdue"),
            Standing.NEAR_DUE: Words("ใกล้ครบกำหนด", "Near due"),
            Standing.IN_TIME: Words("อยู่ในกำหนด", "In time"),
        },
        "training_outcomes": {
            TrainingOutcome.BETTER: Words("ดีกว่าที่ใช้อยู่", "Better than what was in force"),
            TrainingOutcome.NOT_BETTER: Words("ไม่ดีกว่าที่ใช้อยู่", "Not better than what was in force"),
        },
        "return_reasons": {
            ReturnReason.NOT_OURS: Words("ไม่อยู่ในอำนาจหน้าที่", "Not ours to answer"),
            ReturnReason.UNCLEAR: Words("ข้อมูลไม่ชัดเจน", "Unclear"),
            ReturnReason.DUPLICATE: Words("เรื่องซ้ำ", "Duplicate"),
            ReturnReason.ALREADY_ANSWERED: Words("เคยตอบแล้ว", "Already answered"),
            ReturnReason.OTHER: Words("อื่น ๆ (ต้องระบุหมายเหตุ)", "Other (with a note)"),
        },
        "message_kinds": {
            MessageKind.PROGRESS: Words("รายงานความคืบหน้า", "Progress"),
            MessageKind.QUESTION: Words("ขอข้อมูลเพิ่มเติม", "Question to the complainant"),
            MessageKind.REPLY: Words("คำตอบของผู้ร้อง", "The complainant's reply"),
            MessageKind.AMENDMENT: Words("ข้อมูลเพิ่มเติมจากศูนย์ 1111", "Amendment by the Centre"),
            MessageKind.CONTEST: Words("ผู้ร้องโต้แย้งคำตอบ", "The answer is contested"),
        },
        "delivery_kinds": {
            DeliveryKind.ANSWER: Words("คำตอบ", "Answer"),
            DeliveryKind.QUESTION: Words("ขอข้อมูลเพิ่มเติม", "Question"),
            DeliveryKind.PROGRESS: Words("รายงานความคืบหน้า", "Progress"),
            DeliveryKind.ACKNOWLEDGEMENT: Words("แจ้งรับเรื่อง", "Acknowledgement"),
        },
        "delivery_states": {
            DeliveryState.TO_SEND: Words("รอส่ง", "To be sent"),
            DeliveryState.SENT: Words("ส่งแล้ว", "Sent"),
            DeliveryState.SHOWN: Words("แสดงบนเว็บไซต์", "Shown online"),
            DeliveryState.SUPERSEDED: Words("มีฉบับใหม่แทน", "Superseded before it was sent"),
            DeliveryState.FAILED: Words("ส่งไม่สำเร็จ ต้องแจ้งทางอื่น", "Could not be sent: find another way"),
        },
        "file_kinds": {
            FileKind.ORIGINAL: Words("ต้นฉบับ", "The original"),
            FileKind.ATTACHMENT: Words("ไฟล์แนบ", "Attachment"),
            FileKind.SCAN: Words("ภาพสแกน", "Scan"),
        },
        "mail_outcomes": {
            MailOutcome.OPENED: Words("เปิดเรื่องใหม่", "Opened a case"),
            MailOutcome.REPLY: Words("เพิ่มในเรื่องเดิม", "Added to its case"),
            MailOutcome.RECORDED: Words("บันทึกไว้แล้ว", "Was recorded as a case before"),
            MailOutcome.UNREADABLE: Words("อ่านไม่ได้ เปิดเรื่องไว้แล้ว", "Unreadable; opened a case that says so"),
            MailOutcome.AUTOMATIC: Words("ข้อความอัตโนมัติ ไม่เปิดเรื่อง", "Automatic; no case"),
            MailOutcome.BOUNCE: Words("แจ้งส่งไม่ถึง", "A mail of ours came back"),
        },
    }
)
"""List name -> code -> label."""
