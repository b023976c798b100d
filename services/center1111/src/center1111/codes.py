"""The Centre's code lists with their Thai and English labels, for people and for the clients that show them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from center1111.journey import (
    ArticleState,
    AttachmentState,
    DeliveryState,
    ImportState,
    ReferralState,
    ReopeningState,
    State,
)
from schemas import Channel, ErasureGround, Kind, ReturnReason
from servicekit.codes import Code, CodeList
from servicekit.files.kinds import MediaType
from servicekit.words import Words


class RefusalGround(StrEnum):
    """Why the Centre does not take a complaint on."""

    ANONYMOUS_UNCHECKABLE = "anonymous_uncheckable"
    BEFORE_THE_COURTS = "before_the_courts"
    DECIDED_WITH_FINALITY = "decided_with_finality"
    ROYAL_INSTITUTION = "royal_institution"
    PURELY_ABUSIVE = "purely_abusive"
    ANOTHER_BODY_BY_LAW = "another_body_by_law"


class AnswerOrigin(StrEnum):
    """Under whose authority an answer was given."""

    CENTRE = "centre"
    REFERRAL = "referral"


class Topic(StrEnum):
    """What an article is about: the topics by which the Office divides its work."""

    INFORMATION_MEDIA = "information_media"
    PROJECT_DOCUMENTS = "project_documents"
    TRANSFERS_AND_CHANGES = "transfers_and_changes"
    REGULATIONS = "regulations"
    MEETING_AGENDAS = "meeting_agendas"
    COMPLAINTS = "complaints"
    FOLLOW_UP = "follow_up"
    TRAINING = "training"
    SUFFICIENCY_ECONOMY = "sufficiency_economy"


class Check(StrEnum):
    """What a verifier looks at before a complaint is accepted or refused."""

    IDENTITY_KNOWN = "identity_known"
    FACTS_CHECKABLE = "facts_checkable"
    WITHIN_AUTHORITY = "within_authority"
    NOT_BEFORE_THE_COURTS = "not_before_the_courts"
    NOT_DECIDED_WITH_FINALITY = "not_decided_with_finality"
    DUPLICATES_LOOKED_FOR = "duplicates_looked_for"


class MarkKind(StrEnum):
    """By what a complainant is known again."""

    NATIONAL_ID = "national_id"
    PHONE = "phone"
    EMAIL = "email"


class LinkKind(StrEnum):
    """What one complaint is to another."""

    DUPLICATE = "duplicate"
    RELATED = "related"
    FOLLOWS = "follows"


class DuplicateReason(StrEnum):
    """Why two complaints are likely one matter."""

    SAME_NATIONAL_ID = "same_national_id"
    SAME_PHONE = "same_phone"
    SAME_EMAIL = "same_email"
    SAME_COMMUNITY = "same_community"
    SAME_DISTRICT = "same_district"
    SIMILAR_TEXT = "similar_text"


class StopReason(StrEnum):
    """Why the clock of a complaint stands still."""

    AWAITING_COMPLAINANT = "awaiting_complainant"
    AWAITING_ANOTHER_BODY = "awaiting_another_body"
    FORCE_MAJEURE = "force_majeure"
    OTHER = "other"


class Step(StrEnum):
    """What is due by a deadline."""

    VERIFY = "verify"
    ANSWER = "answer"
    REFERRAL_ANSWER = "referral_answer"
    TELL = "tell"


class Standing(StrEnum):
    """How an open deadline stands."""

    IN_TIME = "in_time"
    NEAR_DUE = "near_due"
    OVERDUE = "overdue"


class Sending(StrEnum):
    """What became of a reminder."""

    LISTED = "listed"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Means(StrEnum):
    """How a complainant is told of an answer."""

    LETTER = "letter"
    EMAIL = "email"
    TELEPHONE = "telephone"
    COUNTER = "counter"
    ONLINE = "online"


class Placeholder(StrEnum):
    """What may stand in the text of an answer template, as in `{{tracking_number}}`."""

    COMPLAINANT = "complainant"
    TRACKING_NUMBER = "tracking_number"
    SUBJECT = "subject"
    PLACE = "place"
    RECEIVED_ON = "received_on"
    DUE_ON = "due_on"
    TODAY = "today"


_REGULATION: Final = Words(
    "ระเบียบสำนักนายกรัฐมนตรีว่าด้วยการจัดการเรื่องราวร้องทุกข์ พ.ศ. 2552",
    "Regulation of the Office of the Prime Minister on the Management of Complaints, B.E. 2552 (2009)",
)
_ANONYMOUS_LETTERS: Final = Words(
    "มติคณะรัฐมนตรีเมื่อวันที่ 22 ธันวาคม 2541 ตามหนังสือที่ นร 0206/ว 218 ลงวันที่ 25 ธันวาคม 2541",
    "Cabinet resolution of 22 December 1998, letter No. NR 0206/W 218 of 25 December 1998",
)
_DATA_PROTECTION: Final = Words(
    "พระราชบัญญัติคุ้มครองข้อมูลส่วนบุคคล พ.ศ. 2562 มาตรา 33 และมาตรา 37 (3)",
    "Personal Data Protection Act B.E. 2562 (2019), sections 33 and 37 (3)",
)


CODE_LISTS: Final[Mapping[str, CodeList]] = {
    "channels": {
        Channel.LETTER: Code(Words("จดหมาย ตู้ ปณ. 1111", "Letter, P.O. Box 1111")),
        Channel.HOTLINE: Code(Words("สายด่วน 1111", "Hotline 1111")),
        Channel.WALK_IN: Code(Words("ศูนย์บริการประชาชน ทำเนียบรัฐบาล", "Public service centre, Government House")),
        Channel.WEBSITE: Code(Words("เว็บไซต์ www.1111.go.th", "Website www.1111.go.th")),
    },
    "kinds": {
        Kind.COMPLAINT: Code(Words("ร้องทุกข์/ร้องเรียน", "Complaint")),
        Kind.INQUIRY: Code(Words("สอบถามข้อมูล", "Inquiry")),
        Kind.SUGGESTION: Code(Words("ข้อเสนอแนะ", "Suggestion")),
        Kind.REQUEST: Code(Words("ขอความช่วยเหลือ", "Request")),
    },
    "complaint_states": {
        State.RECEIVED: Code(Words("รับเรื่องแล้ว", "Received")),
        State.VERIFIED: Code(Words("ตรวจสอบแล้ว", "Verified")),
        State.REFUSED: Code(Words("ไม่รับเรื่อง", "Refused")),
        State.REFERRED: Code(Words("ส่งต่อหน่วยงานแล้ว", "Referred")),
        State.ANSWERED: Code(Words("ตอบแล้ว", "Answered")),
        State.CLOSED: Code(Words("ยุติเรื่อง", "Closed")),
        State.WITHDRAWN: Code(Words("ผู้ร้องถอนเรื่อง", "Withdrawn")),
    },
    "referral_states": {
        ReferralState.QUEUED: Code(Words("รอส่ง", "Queued")),
        ReferralState.DELIVERED: Code(Words("ส่งถึงหน่วยงานแล้ว", "Delivered")),
        ReferralState.ACCEPTED: Code(Words("หน่วยงานรับเรื่องแล้ว", "Accepted")),
        ReferralState.AWAITING_COMPLAINANT: Code(Words("รอข้อมูลจากผู้ร้อง", "Awaiting the complainant")),
        ReferralState.ANSWERED: Code(Words("หน่วยงานตอบแล้ว", "Answered")),
        ReferralState.RETURNED: Code(Words("หน่วยงานส่งคืน", "Returned")),
        ReferralState.WITHDRAWN: Code(Words("ศูนย์ขอเรื่องคืน", "Withdrawn")),
        ReferralState.FAILED: Code(Words("ส่งไม่สำเร็จ", "Failed")),
    },
    "refusal_grounds": {
        RefusalGround.ANONYMOUS_UNCHECKABLE: Code(
            Words(
                "บัตรสนเท่ห์ ไม่มีชื่อหรือที่อยู่ และไม่มีพยานหลักฐานที่ตรวจสอบได้",
                "No name or address, and no detail that can be checked",
            ),
            _ANONYMOUS_LETTERS,
        ),
        RefusalGround.BEFORE_THE_COURTS: Code(Words("เรื่องที่อยู่ระหว่างการพิจารณาของศาล", "Before the courts"), _REGULATION),
        RefusalGround.DECIDED_WITH_FINALITY: Code(
            Words("เรื่องที่ศาลหรือผู้มีอำนาจวินิจฉัยถึงที่สุดแล้ว", "Decided with finality"), _REGULATION
        ),
        RefusalGround.ROYAL_INSTITUTION: Code(
            Words("เรื่องที่เกี่ยวกับสถาบันพระมหากษัตริย์", "Concerns the royal institution"), _REGULATION
        ),
        RefusalGround.PURELY_ABUSIVE: Code(
            Words("เรื่องที่มุ่งใส่ร้ายหรือใช้ถ้อยคำหยาบคายโดยไม่มีข้อเท็จจริง", "Nothing but abuse, without any fact"), _REGULATION
        ),
        RefusalGround.ANOTHER_BODY_BY_LAW: Code(
            Words("เรื่องที่มีกฎหมายกำหนดให้องค์กรอื่นพิจารณาโดยเฉพาะ", "By law for another body to decide"), _REGULATION
        ),
    },
    "return_reasons": {
        ReturnReason.NOT_OURS: Code(Words("ไม่อยู่ในหน้าที่และอำนาจ", "Not ours to answer")),
        ReturnReason.UNCLEAR: Code(Words("ข้อมูลไม่เพียงพอ", "Unclear")),
        ReturnReason.DUPLICATE: Code(Words("เรื่องซ้ำ", "Duplicate")),
        ReturnReason.ALREADY_ANSWERED: Code(Words("ตอบไปแล้ว", "Already answered")),
        ReturnReason.OTHER: Code(Words("อื่น ๆ", "Other")),
    },
    "article_states": {
        ArticleState.DRAFT: Code(Words("ฉบับร่าง", "Draft")),
        ArticleState.PUBLISHED: Code(Words("เผยแพร่", "Published")),
        ArticleState.RETIRED: Code(Words("เลิกใช้", "Retired")),
    },
    "import_states": {
        ImportState.QUEUED: Code(Words("รอดำเนินการ", "Queued")),
        ImportState.RUNNING: Code(Words("กำลังดำเนินการ", "Running")),
        ImportState.REFUSED: Code(Words("มีข้อผิดพลาด ไม่ได้บันทึกแถวใด", "Refused: nothing was recorded")),
        ImportState.CHECKED: Code(
            Words("ตรวจแล้วถูกต้องทุกแถว ยังไม่บันทึก", "Checked: all rows are right, none was recorded")
        ),
        ImportState.DONE: Code(Words("บันทึกครบทุกแถว", "Done: every row was recorded")),
    },
    "attachment_states": {
        AttachmentState.ANNOUNCED: Code(Words("รอรับแฟ้ม", "Announced, the file has not come")),
        AttachmentState.UNSCANNED: Code(Words("รอตรวจไวรัส", "Not scanned yet")),
        AttachmentState.AVAILABLE: Code(Words("เปิดได้", "Available")),
        AttachmentState.QUARANTINED: Code(Words("กักกัน พบสิ่งอันตราย", "Quarantined: something harmful was found")),
    },
    "attachment_types": {
        MediaType.PDF: Code(Words("เอกสาร PDF (.pdf)", "PDF document (.pdf)")),
        MediaType.JPEG: Code(Words("ภาพ JPEG (.jpg .jpeg)", "JPEG image (.jpg .jpeg)")),
        MediaType.PNG: Code(Words("ภาพ PNG (.png)", "PNG image (.png)")),
        MediaType.WEBP: Code(Words("ภาพ WebP (.webp)", "WebP image (.webp)")),
        MediaType.DOCX: Code(Words("เอกสาร Word (.docx)", "Word document (.docx)")),
        MediaType.XLSX: Code(Words("ตาราง Excel (.xlsx)", "Excel workbook (.xlsx)")),
        MediaType.MP3: Code(Words("เสียง MP3 (.mp3)", "MP3 sound (.mp3)")),
        MediaType.MP4: Code(Words("วีดิทัศน์ MP4 (.mp4)", "MP4 video (.mp4)")),
        MediaType.TEXT: Code(Words("ข้อความ (.txt)", "Plain text (.txt)")),
    },
    "topics": {
        Topic.INFORMATION_MEDIA: Code(Words("สารสนเทศและสื่อประชาสัมพันธ์", "Information systems and publicity")),
        Topic.PROJECT_DOCUMENTS: Code(Words("เอกสารโครงการ", "Project documents")),
        Topic.TRANSFERS_AND_CHANGES: Code(
            Words("การโอนเงิน/การเปลี่ยนแปลงโครงการ", "Money transfers and project changes")
        ),
        Topic.REGULATIONS: Code(Words("ระเบียบ", "Regulations")),
        Topic.MEETING_AGENDAS: Code(Words("วาระการประชุม", "Meeting agendas")),
        Topic.COMPLAINTS: Code(Words("เรื่องร้องเรียน", "Complaints")),
        Topic.FOLLOW_UP: Code(Words("การติดตามผล", "Follow-up of results")),
        Topic.TRAINING: Code(Words("การฝึกอบรม", "Training")),
        Topic.SUFFICIENCY_ECONOMY: Code(Words("องค์ความรู้ในเศรษฐกิจพอเพียง", "Knowledge of the sufficiency economy")),
    },
    "verification_checks": {
        Check.IDENTITY_KNOWN: Code(
            Words("ทราบชื่อและที่อยู่หรือช่องทางติดต่อผู้ร้อง", "The complainant's name and a way to reach them are known"),
            _REGULATION,
        ),
        Check.FACTS_CHECKABLE: Code(
            Words("มีข้อเท็จจริงหรือพยานหลักฐานที่ตรวจสอบได้", "It tells facts that can be checked"), _ANONYMOUS_LETTERS
        ),
        Check.WITHIN_AUTHORITY: Code(
            Words("ไม่ใช่เรื่องที่กฎหมายกำหนดให้องค์กรอื่นพิจารณาโดยเฉพาะ", "No law reserves it for another body"), _REGULATION
        ),
        Check.NOT_BEFORE_THE_COURTS: Code(
            Words("ไม่อยู่ระหว่างการพิจารณาของศาล", "It is not before the courts"), _REGULATION
        ),
        Check.NOT_DECIDED_WITH_FINALITY: Code(
            Words("ยังไม่มีคำวินิจฉัยถึงที่สุด", "It has not been decided with finality"), _REGULATION
        ),
        Check.DUPLICATES_LOOKED_FOR: Code(Words("ตรวจเรื่องซ้ำแล้ว", "Likely duplicates were looked at")),
    },
    "link_kinds": {
        LinkKind.DUPLICATE: Code(Words("เรื่องซ้ำกับ", "Duplicate of")),
        LinkKind.RELATED: Code(Words("เกี่ยวข้องกับ", "Related to")),
        LinkKind.FOLLOWS: Code(Words("ต่อเนื่องจาก", "Follows")),
    },
    "duplicate_reasons": {
        DuplicateReason.SAME_NATIONAL_ID: Code(Words("เลขประจำตัวประชาชนเดียวกัน", "The same national id")),
        DuplicateReason.SAME_PHONE: Code(Words("หมายเลขโทรศัพท์เดียวกัน", "The same telephone number")),
        DuplicateReason.SAME_EMAIL: Code(Words("อีเมลเดียวกัน", "The same e-mail address")),
        DuplicateReason.SAME_COMMUNITY: Code(Words("ชุมชนเดียวกัน", "The same community")),
        DuplicateReason.SAME_DISTRICT: Code(Words("อำเภอเดียวกัน", "The same district")),
        DuplicateReason.SIMILAR_TEXT: Code(Words("ข้อความคล้ายกัน", "Similar text")),
    },
    "clock_stop_reasons": {
        StopReason.AWAITING_COMPLAINANT: Code(Words("รอข้อมูลจากผู้ร้อง", "Awaiting the complainant")),
        StopReason.AWAITING_ANOTHER_BODY: Code(
            Words("รอผลจากหน่วยงานอื่นตามกฎหมาย", "Awaiting what another body decides by law")
        ),
        StopReason.FORCE_MAJEURE: Code(Words("เหตุสุดวิสัย", "Force majeure")),
        StopReason.OTHER: Code(Words("อื่น ๆ (ระบุ)", "Other (say what)")),
    },
    "deadline_steps": {
        Step.VERIFY: Code(Words("ตรวจสอบเรื่อง", "Verify")),
        Step.ANSWER: Code(Words("ตอบผู้ร้องหรือรายงานความคืบหน้า", "Answer, or report progress")),
        Step.REFERRAL_ANSWER: Code(Words("หน่วยงานตอบเรื่องที่ส่งต่อ", "The agency answers a referral")),
        Step.TELL: Code(Words("แจ้งคำตอบแก่ผู้ร้อง", "Tell the complainant the answer")),
    },
    "deadline_standings": {
        Standing.IN_TIME: Code(Words("อยู่ในกำหนด", "In time")),
        Standing.NEAR_DUE: Code(Words("ใกล้ครบกำหนด", "Near due")),
        Standing.OVERDUE: Code(Words("เกินกำหนด", "Overdue")),
    },
    "reminder_sendings": {
        Sending.LISTED: Code(Words("แสดงในรายการเตือน", "Listed alone: its role has no address")),
        Sending.WAITING: Code(Words("รอส่งอีเมล", "A mail is owed")),
        Sending.SENT: Code(Words("ส่งอีเมลแล้ว", "Sent by mail")),
        Sending.FAILED: Code(Words("ส่งอีเมลไม่สำเร็จ", "The mail was refused, or given up")),
    },
    "delivery_means": {
        Means.LETTER: Code(Words("หนังสือ", "Letter")),
        Means.EMAIL: Code(Words("อีเมล", "E-mail")),
        Means.TELEPHONE: Code(Words("โทรศัพท์", "Telephone")),
        Means.COUNTER: Code(Words("แจ้งที่เคาน์เตอร์", "At the counter")),
        Means.ONLINE: Code(Words("แสดงบนเว็บไซต์", "Shown online")),
    },
    "delivery_states": {
        DeliveryState.TO_SEND: Code(Words("รอแจ้งผู้ร้อง", "To be sent")),
        DeliveryState.TOLD: Code(Words("แจ้งผู้ร้องแล้ว", "Told")),
        DeliveryState.FAILED: Code(Words("แจ้งไม่สำเร็จ", "Failed")),
        DeliveryState.CALLED_OFF: Code(Words("ยกเลิกการแจ้ง", "Called off")),
    },
    "reopening_states": {
        ReopeningState.OPEN: Code(Words("รอพิจารณา", "Open")),
        ReopeningState.GRANTED: Code(Words("พิจารณาใหม่แล้ว", "Granted")),
        ReopeningState.DECLINED: Code(Words("ไม่รับพิจารณาใหม่", "Declined")),
    },
    "answer_placeholders": {
        Placeholder.COMPLAINANT: Code(Words("คำนำหน้าและชื่อผู้ร้อง", "The complainant's title and name")),
        Placeholder.TRACKING_NUMBER: Code(Words("เลขติดตาม", "The tracking number")),
        Placeholder.SUBJECT: Code(Words("ชื่อเรื่อง", "The subject")),
        Placeholder.PLACE: Code(Words("สถานที่เกิดเหตุ", "The place")),
        Placeholder.RECEIVED_ON: Code(Words("วันที่รับเรื่อง", "The day on which it was received")),
        Placeholder.DUE_ON: Code(Words("วันครบกำหนด", "The last day by which it is to be answered")),
        Placeholder.TODAY: Code(Words("วันนี้", "Today")),
    },
    "erasure_grounds": {
        ErasureGround.NO_LONGER_NECESSARY: Code(
            Words("หมดความจำเป็นในการเก็บรักษาตามวัตถุประสงค์", "No longer necessary for its purposes"), _DATA_PROTECTION
        ),
        ErasureGround.CONSENT_WITHDRAWN: Code(
            Words("เจ้าของข้อมูลถอนความยินยอม และไม่มีอำนาจตามกฎหมายที่จะเก็บต่อ", "Consent withdrawn, no other ground"),
            _DATA_PROTECTION,
        ),
        ErasureGround.OBJECTION: Code(
            Words("เจ้าของข้อมูลคัดค้าน และไม่อาจปฏิเสธคำคัดค้านได้", "An objection that cannot be refused"), _DATA_PROTECTION
        ),
        ErasureGround.UNLAWFUL_PROCESSING: Code(
            Words("เก็บรวบรวม ใช้ หรือเปิดเผยโดยไม่ชอบด้วยกฎหมาย", "Unlawfully collected, used or disclosed"),
            _DATA_PROTECTION,
        ),
        ErasureGround.RETENTION_ENDED: Code(
            Words("พ้นกำหนดระยะเวลาการเก็บรักษา", "The period of retention has ended"), _DATA_PROTECTION
        ),
    },
    "answer_origins": {
        AnswerOrigin.CENTRE: Code(Words("ศูนย์ตอบทันที", "Answered at once by the Centre")),
        AnswerOrigin.REFERRAL: Code(Words("หน่วยงานที่รับส่งต่อตอบ", "Answered by the agency referred to")),
    },
}
