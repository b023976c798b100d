"""What the Centre's domain errors tell their callers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from center1111.attachments.actions import (
    AttachmentMoveNotAllowed,
    AttachmentNotFound,
    TooManyAttachments,
    TooManyBytes,
)
from center1111.clock.mails import ReminderNotFailed, ReminderNotFound
from center1111.clock_stops import ClockRuns, ClockStandsStill
from center1111.closure.actions import NoReopeningRequest
from center1111.complainants import NotPossibleNow, NotYours
from center1111.erasure.actions import NotAtItsEnd
from center1111.intake.imports.actions import ImportNotFound
from center1111.intake.imports.routes import NotATable
from center1111.intake.saved_views import SavedViewNotFound, ViewNameTaken
from center1111.knowledge.actions import ArticleMoveNotAllowed, ArticleNotFound, AuthorCannotPublish
from center1111.referrals.actions import AnswerSuperseded, ReturnedBefore
from center1111.steps import ChangedSince, ComplaintNotFound, Erased, MoveNotAllowed, ReferralNotFound
from center1111.telling.routes import NoLetter, NotAnswered
from center1111.tellings import BeingTold, CannotBeReached, DeliveryNotFound
from center1111.templates.actions import TemplateNotFound
from center1111.tracking.actions import AskedAlready, RatedAlready, TooLate, TooManyMessages
from center1111.verification.actions import ChecksMissing, LinkedAlready, LinkNotFound
from servicekit import code_lists
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

PROBLEMS: Final[Mapping[type[DomainError], Problem]] = {
    ComplaintNotFound: Problem(
        "complaint-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบเรื่องร้องทุกข์", "No such complaint"),
        Words("โปรดตรวจสอบรหัสเรื่อง", "Check the complaint's id."),
    ),
    ChangedSince: Problem(
        "version-mismatch",
        HTTPStatus.PRECONDITION_FAILED,
        Words("ข้อมูลถูกแก้ไขไปแล้ว", "Somebody else has changed it"),
        Words(
            "เรื่องนี้ถูกแก้ไขหลังจากที่แสดงในรายการ โปรดเปิดรายการใหม่ อ่านเรื่องนี้ แล้วเลือกอีกครั้ง",
            "It was changed since the list showed it: load the list again, read this complaint, then choose it again.",
        ),
    ),
    ReferralNotFound: Problem(
        "referral-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบการส่งต่อ", "No such referral"),
        Words("โปรดตรวจสอบรหัสการส่งต่อ", "Check the referral's id."),
    ),
    ArticleNotFound: Problem(
        "article-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบบทความ", "No such article"),
        Words("โปรดตรวจสอบรหัสบทความ", "Check the article's id."),
    ),
    ReminderNotFound: Problem(
        "reminder-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบการแจ้งเตือน", "No such reminder"),
        Words("ดูรายการแจ้งเตือนได้ที่ /v1/reminders", "All of them are at /v1/reminders."),
    ),
    ReminderNotFailed: Problem(
        "reminder-not-failed",
        HTTPStatus.CONFLICT,
        Words("ไม่มีอีเมลแจ้งเตือนที่ส่งไม่สำเร็จ", "No mail of this reminder has failed"),
        Words(
            "ส่งอีกครั้งได้เฉพาะรายการที่ sending เป็น failed",
            "Only a reminder whose sending is failed is sent once more.",
        ),
    ),
    AttachmentNotFound: Problem(
        "attachment-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบแฟ้มแนบ", "No such attachment"),
        Words("โปรดตรวจสอบรหัสแฟ้มแนบของเรื่องนี้", "Check the attachment's id, and the complaint's."),
    ),
    AttachmentMoveNotAllowed: Problem(
        "attachment-move-not-allowed",
        HTTPStatus.CONFLICT,
        Words("สถานะของแฟ้มแนบไม่อนุญาต", "Not possible in the attachment's present state"),
        Words(
            "แฟ้มแนบเป็น {state}: ส่งแฟ้มได้เมื่อ announced ตรวจไวรัสได้เมื่อ unscanned และเปิดได้เมื่อ available",
            "It is {state}: a file is sent while it is announced, scanned while unscanned, and read when available.",
        ),
    ),
    TooManyAttachments: Problem(
        "too-many-attachments",
        HTTPStatus.CONFLICT,
        Words("แฟ้มแนบเต็มจำนวนแล้ว", "The complaint has all the attachments that it may have"),
        Words("แนบได้ไม่เกิน {limit} แฟ้มต่อเรื่อง", "A complaint has at most {limit} attachments."),
    ),
    TooManyBytes: Problem(
        "too-many-bytes",
        HTTPStatus.CONFLICT,
        Words("แฟ้มแนบใหญ่เกินกว่าที่ส่งทางเว็บไซต์ได้", "More than can be sent on the website"),
        Words(
            "แฟ้มทั้งหมดของเรื่องต้องไม่เกิน {limit} ไบต์ โปรดส่งทางไปรษณีย์ ตู้ ปณ. 1111",
            "All files of a complaint may have {limit} bytes: send the rest by post to P.O. Box 1111.",
        ),
    ),
    SavedViewNotFound: Problem(
        "saved-view-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบมุมมองที่บันทึกไว้", "No such saved view"),
        Words("มุมมองเป็นของเจ้าหน้าที่แต่ละคน โปรดตรวจสอบรหัส", "Views belong to their officers: check the view's id."),
    ),
    ViewNameTaken: Problem(
        "view-name-taken",
        HTTPStatus.CONFLICT,
        Words("มีมุมมองชื่อนี้แล้ว", "You have a view of this name"),
        Words("โปรดใช้ชื่ออื่น หรือแก้ไขมุมมองเดิม", "Use another name, or change the view."),
    ),
    ImportNotFound: Problem(
        "import-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบการนำเข้า", "No such import"),
        Words("โปรดตรวจสอบรหัสการนำเข้า", "Check the import's id."),
    ),
    NotATable: Problem(
        "not-a-table",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        Words("ไม่ใช่แฟ้มตาราง", "Not a table"),
        Words(
            "โปรดส่งแฟ้ม CSV เป็น text/csv หรือ XLSX เป็น application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "Send CSV as text/csv, or XLSX as application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.",
        ),
    ),
    **code_lists.PROBLEMS,
    NotYours: Problem(
        "tracking-refused",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบเรื่องตามเลขและรหัสลับนี้", "No complaint has this number and this secret"),
        Words(
            "โปรดตรวจเลขติดตามและรหัสลับที่ได้รับเมื่อยื่นเรื่อง",
            "Check the tracking number and the secret that were given when it was filed.",
        ),
    ),
    NotPossibleNow: Problem(
        "not-possible-now",
        HTTPStatus.CONFLICT,
        Words("ขณะนี้ทำรายการนี้ไม่ได้", "Not possible as the complaint stands"),
        Words(
            "เรื่องของท่านอยู่ในขั้น {state} หากมีข้อสงสัยโปรดติดต่อสายด่วน 1111",
            "Your complaint is {state}. If you have any doubt, call the hotline 1111.",
        ),
    ),
    MoveNotAllowed: Problem(
        "move-not-allowed",
        HTTPStatus.CONFLICT,
        Words("สถานะปัจจุบันไม่อนุญาต", "Not possible in the present state"),
        Words(
            "ขณะนี้สถานะคือ {state} จึงทำ {move} ไม่ได้ ทำได้เพียง: {possible}",
            "It is {state}, so {move} is not possible. Possible are: {possible}",
        ),
    ),
    Erased: Problem(
        "erased",
        HTTPStatus.CONFLICT,
        Words("ลบข้อมูลส่วนบุคคลของเรื่องนี้แล้ว", "The complaint's personal data are erased"),
        Words("เรื่องที่ลบข้อมูลแล้วแก้ไขหรือดำเนินการต่อไม่ได้", "It stays as it is: nothing more can be done with it."),
    ),
    NotAtItsEnd: Problem(
        "not-at-its-end",
        HTTPStatus.CONFLICT,
        Words("เรื่องยังไม่สิ้นสุด จึงยังลบข้อมูลไม่ได้", "The complaint is not at its end, so nothing is erased yet"),
        Words(
            "ขณะนี้สถานะคือ {state} ต้องยุติเรื่อง ไม่รับเรื่อง หรือถอนเรื่องก่อน หากหน่วยงานดำเนินการอยู่ให้ขอเรื่องคืนก่อน",
            "It is {state}. Close, refuse or withdraw it first; while an agency has it, withdraw the referral first.",
        ),
    ),
    ChecksMissing: Problem(
        "checks-missing",
        HTTPStatus.CONFLICT,
        Words("รายการตรวจสอบยังไม่ครบ", "The checklist is not complete"),
        Words(
            "ก่อนรับเรื่องต้องตรวจและผ่านรายการ: {missing}",
            "Before a complaint is accepted these must be ticked as fulfilled: {missing}",
        ),
    ),
    LinkedAlready: Problem(
        "linked-already",
        HTTPStatus.CONFLICT,
        Words("สองเรื่องนี้เชื่อมโยงกันแล้ว", "The two complaints are linked already"),
        Words("หากประเภทไม่ถูก ให้ยกเลิกการเชื่อมโยงเดิมก่อน", "If the kind is wrong, take that link back first."),
    ),
    LinkNotFound: Problem(
        "link-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบการเชื่อมโยง", "No such link"),
        Words("ดูการเชื่อมโยงของเรื่องได้ที่ …/links", "The links of a complaint are listed at …/links."),
    ),
    ClockStandsStill: Problem(
        "clock-stands-still",
        HTTPStatus.CONFLICT,
        Words("หยุดนับเวลาอยู่แล้ว", "The clock is stopped already"),
        Words(
            "หากเหตุผลเปลี่ยน ให้เริ่มนับเวลาต่อก่อนแล้วจึงหยุดใหม่", "If the reason has changed, restart it first, then stop it."
        ),
    ),
    ClockRuns: Problem(
        "clock-runs",
        HTTPStatus.CONFLICT,
        Words("ไม่ได้หยุดนับเวลาไว้", "The clock is not stopped"),
        Words("เรื่องนี้นับเวลาอยู่ตามปกติ", "The deadlines of this complaint run as they should."),
    ),
    ReturnedBefore: Problem(
        "returned-before",
        HTTPStatus.CONFLICT,
        Words("หน่วยงานนี้เคยส่งเรื่องคืนแล้ว", "This agency returned the complaint before"),
        Words(
            "{agency} ส่งเรื่องนี้คืนแล้วหลายครั้ง โปรดอ่านเหตุผลที่ส่งคืน หากยืนยันจะส่งไปอีก ให้ระบุ insist เป็น true",
            "{agency} has returned it more than once: read why. To send it there all the same, set insist to true.",
        ),
    ),
    AnswerSuperseded: Problem(
        "answer-superseded",
        HTTPStatus.CONFLICT,
        Words("มีคำตอบรุ่นนี้หรือใหม่กว่าแล้ว", "This or a later version of the answer is on record"),
        Words(
            "รุ่น {version} ไม่ใหม่กว่าที่บันทึกไว้ โปรดส่งเป็นรุ่นถัดไป",
            "Version {version} is not later than the one on record: send it as the next version.",
        ),
    ),
    ArticleMoveNotAllowed: Problem(
        "article-move-not-allowed",
        HTTPStatus.CONFLICT,
        Words("สถานะของบทความไม่อนุญาต", "Not possible in the article's present state"),
        Words(
            "บทความเป็น {state}: ฉบับร่างต้องเผยแพร่ก่อนทบทวน รุ่นที่ใช้อยู่แล้วเผยแพร่ซ้ำไม่ได้ และที่เลิกใช้แล้วแก้ไขไม่ได้",
            "The article is {state}: a draft is published before it is reviewed, the version in force is not published"
            " again, and a retired article stays as it is.",
        ),
    ),
    DeliveryNotFound: Problem(
        "delivery-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบรายการแจ้งผล", "No such telling of an answer"),
        Words("โปรดตรวจสอบรหัสรายการแจ้งผล", "Check its id."),
    ),
    NoLetter: Problem(
        "no-letter",
        HTTPStatus.NOT_FOUND,
        Words("การแจ้งผลนี้ไม่มีหนังสือ", "Of this telling there is no letter"),
        Words(
            "การแจ้งผลทาง {means} ไม่มีหนังสือ หากต้องการให้เพิ่มการแจ้งผลทาง letter",
            "It is told by {means}. For a letter, post to the complaint's deliveries.",
        ),
    ),
    NotAnswered: Problem(
        "not-answered",
        HTTPStatus.CONFLICT,
        Words("ยังไม่มีคำตอบที่จะแจ้ง", "There is no answer to be told"),
        Words("เรื่องต้องอยู่ในสถานะ answered หรือ closed", "The complaint must be answered or closed."),
    ),
    CannotBeReached: Problem(
        "cannot-be-reached",
        HTTPStatus.CONFLICT,
        Words("ไม่มีข้อมูลติดต่อสำหรับวิธีนี้", "The complainant cannot be reached by this means"),
        Words(
            "โปรดเพิ่มที่อยู่ อีเมล หรือโทรศัพท์ของผู้ร้อง หรือเลือกวิธีอื่น",
            "Add the complainant's address, e-mail address or telephone number, or choose another means.",
        ),
    ),
    BeingTold: Problem(
        "being-told",
        HTTPStatus.CONFLICT,
        Words("กำลังแจ้งผลด้วยวิธีนี้อยู่แล้ว", "It is being told by this means already"),
        Words("ดูรายการที่ /v1/deliveries หากไม่สำเร็จให้ลองใหม่", "See /v1/deliveries; what failed there can be retried."),
    ),
    TemplateNotFound: Problem(
        "template-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบแบบคำตอบ", "No such answer template"),
        Words("โปรดตรวจสอบรหัสแบบคำตอบ", "Check the template's id."),
    ),
    NoReopeningRequest: Problem(
        "no-reopening-request",
        HTTPStatus.CONFLICT,
        Words("ไม่มีคำขอให้พิจารณาใหม่", "Nobody asks to reopen it"),
        Words("ผู้ร้องไม่ได้ขอ หรือมีการพิจารณาคำขอแล้ว", "The complainant has not asked, or it was decided already."),
    ),
    TooManyMessages: Problem(
        "too-many-messages",
        HTTPStatus.CONFLICT,
        Words("ส่งข้อความครบจำนวนแล้ว", "No more messages can be taken"),
        Words("รับได้ {limit} ข้อความต่อเรื่อง โปรดติดต่อสายด่วน 1111", "There may be {limit}: call the hotline 1111."),
    ),
    RatedAlready: Problem(
        "rated-already",
        HTTPStatus.CONFLICT,
        Words("ประเมินคำตอบนี้แล้ว", "This answer was rated already"),
        Words("ประเมินได้ครั้งเดียวต่อคำตอบ", "Each answer is rated once."),
    ),
    AskedAlready: Problem(
        "asked-already",
        HTTPStatus.CONFLICT,
        Words("ขอให้พิจารณาใหม่แล้ว", "It was asked for already"),
        Words("คำขออยู่ระหว่างการพิจารณา", "The request is being looked at."),
    ),
    TooLate: Problem(
        "too-late",
        HTTPStatus.CONFLICT,
        Words("พ้นกำหนดขอให้พิจารณาใหม่", "It is too late to reopen the complaint"),
        Words(
            "ขอได้ภายใน {days} วันนับจากวันที่ตอบ โปรดยื่นเรื่องใหม่",
            "That was possible for {days} days after the answer: file a new complaint.",
        ),
    ),
    AuthorCannotPublish: Problem(
        "author-cannot-publish",
        HTTPStatus.FORBIDDEN,
        Words("ผู้เขียนเผยแพร่เองไม่ได้", "An author does not publish their own text"),
        Words("โปรดให้ผู้อื่นตรวจและเผยแพร่", "Let another person check and publish it."),
    ),
}
