"""Which problem each error of the Office is, with its status and what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus

import exchange
from chumchon.answering.actions import (
    CaseTaken,
    DeliveryNotFound,
    DraftNotAsWritten,
    DraftRequired,
    FileNotOfAnswer,
    NothingToSend,
    NotReferred,
    OfficerOfAnotherGroup,
    OwnDraftRefused,
)
from chumchon.answering.closing import AtWorkInItsGroup
from chumchon.answering.files import HarmfulFile
from chumchon.arrivals.queries import MailHasItsCase, MailUnreadable, ReceivedMailNotFound
from chumchon.erasure.actions import NotAtItsEnd
from chumchon.files import FileNotFound, FilesNotKept
from chumchon.intake.actions import MailAlreadyRecorded, RecordIsTheCentres, ReferralAlreadyOpened
from chumchon.questions.routes import QuestionNotFound
from chumchon.routing.queries import RulesNotFound
from chumchon.routing.registry import ModelInForce, ModelNotFound, NothingToRollBack
from chumchon.steps import CaseNotFound, Erased, MoveRefused, Referred
from servicekit import code_lists
from servicekit.files import receiving
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

PROBLEMS: Mapping[type[DomainError], Problem] = {
    **exchange.PROBLEMS,
    **receiving.PROBLEMS,
    **code_lists.PROBLEMS,
    CaseNotFound: Problem(
        "case-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบเรื่อง", "No such case"),
        Words(
            "ไม่มีเรื่องนี้ หรือไม่ใช่เรื่องที่ท่านดูได้ โปรดตรวจสอบเลขที่เรื่องและรหัสติดตาม",
            "There is none, or not one that you may see: compare its id, or its number and secret.",
        ),
    ),
    MoveRefused: Problem(
        "move-not-allowed",
        HTTPStatus.CONFLICT,
        Words("สถานะของเรื่องไม่อนุญาต", "The case's state does not allow this"),
        Words(
            "เรื่องอยู่ในสถานะ {state} จึงทำ {move} ไม่ได้ ที่ทำได้คือ: {possible}",
            "The case is {state}, so it cannot {move}. Possible now: {possible}",
        ),
    ),
    Erased: Problem(
        "erased",
        HTTPStatus.CONFLICT,
        Words("ลบข้อมูลส่วนบุคคลของเรื่องนี้แล้ว", "The case's personal data are erased"),
        Words("เรื่องที่ลบข้อมูลแล้วแก้ไขหรือดำเนินการต่อไม่ได้", "It stays as it is: nothing more can be done with it."),
    ),
    NotAtItsEnd: Problem(
        "not-at-its-end",
        HTTPStatus.CONFLICT,
        Words("เรื่องยังไม่สิ้นสุด จึงยังลบข้อมูลไม่ได้", "The case is not at its end, so nothing is erased yet"),
        Words(
            "เรื่องอยู่ในสถานะ {state} ต้องทำให้สิ้นสุดก่อนแล้วจึงลบได้ ที่ทำได้คือ: {possible}"
            " (answer: /answers, return: /return, close: /closure) เรื่องที่ศูนย์ส่งต่อมา ศูนย์ขอคืนก็ได้",
            "It is {state}. Bring it to its end, and then erase it. Possible now: {possible} (answer: /answers,"
            " return: /return, close: /closure); the Centre may also withdraw what it referred.",
        ),
    ),
    MailAlreadyRecorded: Problem(
        "mail-already-recorded",
        HTTPStatus.CONFLICT,
        Words("อีเมลฉบับนี้บันทึกแล้ว", "This mail is recorded already"),
        Words(
            "มีเรื่องจากอีเมลที่มี Message-ID นี้แล้ว โปรดค้นหาเรื่องเดิม",
            "There is a case of the mail with this Message-ID: look for that one.",
        ),
    ),
    RecordIsTheCentres: Problem(
        "record-is-the-centres",
        HTTPStatus.CONFLICT,
        Words("ข้อมูลของเรื่องนี้เป็นของศูนย์ 1111", "The Centre keeps this case's record"),
        Words(
            "เรื่องที่ศูนย์ส่งต่อมาให้ศูนย์เป็นผู้แก้ไข แล้วศูนย์จะแจ้งมาเอง",
            "What the Centre referred is corrected there; it then tells us.",
        ),
    ),
    ReferralAlreadyOpened: Problem(
        "referral-already-opened",
        HTTPStatus.CONFLICT,
        Words("การส่งต่อนี้เปิดเรื่องแล้ว", "This referral is a case already"),
        Words("การส่งต่อหนึ่งครั้งเปิดได้หนึ่งเรื่อง", "One referral opens one case."),
    ),
    NotReferred: Problem(
        "not-referred",
        HTTPStatus.CONFLICT,
        Words("เรื่องนี้ไม่ได้มาจากศูนย์ 1111", "The Centre did not refer this case"),
        Words(
            "ส่งคืนได้เฉพาะเรื่องที่ศูนย์ส่งต่อมา เรื่องจากช่องทางของสำนักงานให้ตอบผู้ร้อง เปลี่ยนกลุ่มงาน หรือยุติเรื่อง (/closure)",
            "Only a referred case can be returned. Answer this one, send it to another group, or close it (/closure).",
        ),
    ),
    Referred: Problem(
        "referred",
        HTTPStatus.CONFLICT,
        Words("เรื่องนี้ศูนย์ 1111 ส่งต่อมา", "The Centre referred this case"),
        Words(
            "ทำได้เฉพาะเรื่องจากช่องทางของสำนักงาน เรื่องที่ศูนย์ส่งต่อมาให้ส่งคืน (/return) ส่วนการโต้แย้งคำตอบศูนย์เป็นผู้แจ้ง",
            "Only for cases of the Office's own channels. Return this one (/return); the Centre contests its answers.",
        ),
    ),
    AtWorkInItsGroup: Problem(
        "at-work-in-its-group",
        HTTPStatus.CONFLICT,
        Words("กลุ่มงานรับเรื่องแล้ว", "A work group has accepted this case"),
        Words(
            "โปรดให้หัวหน้ากลุ่มงานยุติเรื่อง หรือให้กลุ่มงานคืนเรื่องมาคัดแยกก่อน",
            "Let the group's head close it, or the group hand it back to triage first.",
        ),
    ),
    OwnDraftRefused: Problem(
        "own-draft",
        HTTPStatus.CONFLICT,
        Words("อนุมัติร่างของตนเองไม่ได้", "Nobody approves their own draft"),
        Words(
            "ผู้อนุมัติต้องไม่ใช่ผู้ร่าง โปรดให้ผู้อื่นร่างหรืออนุมัติ",
            "Who approves must not be who drafted: let somebody else do one of the two.",
        ),
    ),
    CaseTaken: Problem(
        "case-taken",
        HTTPStatus.CONFLICT,
        Words("มีเจ้าหน้าที่รับผิดชอบเรื่องนี้อยู่แล้ว", "Somebody else works on this case"),
        Words(
            "ให้ผู้รับผิดชอบส่งมอบ หรือให้หัวหน้ากลุ่มงานมอบหมาย",
            "Let that person hand it over, or the group's head decide.",
        ),
    ),
    DraftRequired: Problem(
        "draft-required",
        HTTPStatus.CONFLICT,
        Words("ยังไม่มีร่างคำตอบ", "There is no draft to approve"),
        Words("โปรดให้เจ้าหน้าที่บันทึกร่างคำตอบก่อน", "Let an officer of the group write the draft first."),
    ),
    OfficerOfAnotherGroup: Problem(
        "officer-of-another-group",
        HTTPStatus.CONFLICT,
        Words("เจ้าหน้าที่ผู้นี้ทำงานอยู่กลุ่มงานอื่น", "That officer works in another group"),
        Words(
            "โปรดตรวจสอบชื่อ หากผู้นั้นย้ายมากลุ่มงานนี้แล้ว โปรดคืนเรื่องเข้าคิวของกลุ่ม (to เป็น null) แล้วให้ผู้นั้นรับเรื่องเอง",
            "Check the name. If they have moved to this group since, put the case back into its queue (`to`: null), and"
            " let them take it themselves.",
        ),
    ),
    DraftNotAsWritten: Problem(
        "draft-not-as-written",
        HTTPStatus.CONFLICT,
        Words("ข้อความหรือไฟล์ไม่ตรงกับร่างคำตอบ", "The text or the files are not those of the draft"),
        Words(
            "โปรดอนุมัติร่างตามที่เขียนไว้โดยไม่ส่งข้อความและไฟล์ หรือให้เจ้าหน้าที่แก้ร่างก่อน แล้วจึงอนุมัติ",
            "Approve the draft as it stands, without text or files; or let an officer change the draft first.",
        ),
    ),
    DeliveryNotFound: Problem(
        "delivery-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบรายการส่ง", "No such delivery"),
        Words("โปรดดูรายการล่าสุดที่ /v1/deliveries", "Look at the present list at /v1/deliveries."),
    ),
    NothingToSend: Problem(
        "nothing-to-send",
        HTTPStatus.CONFLICT,
        Words("รายการนี้ไม่ต้องส่งแล้ว", "There is nothing to send any more"),
        Words(
            "รายการนี้ส่งแล้ว แสดงบนเว็บไซต์แล้ว มีฉบับใหม่แทน หรือยุติเรื่องแล้ว",
            "It was sent, is shown online, a newer answer took its place, or the case was closed.",
        ),
    ),
    FilesNotKept: Problem(
        "files-not-kept",
        HTTPStatus.CONFLICT,
        Words("ระบบยังไม่ได้ตั้งที่เก็บไฟล์", "No store for files is set up"),
        Words("โปรดให้ผู้ดูแลระบบตั้งค่า CHUMCHON_FILES_URL", "Ask the operator to set CHUMCHON_FILES_URL."),
    ),
    FileNotFound: Problem(
        "file-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบไฟล์", "No such file"),
        Words("โปรดดูรายการไฟล์ของเรื่องอีกครั้ง", "Look at the list of the case's files again."),
    ),
    FileNotOfAnswer: Problem(
        "file-not-of-answer",
        HTTPStatus.CONFLICT,
        Words("ไม่ใช่เอกสารประกอบคำตอบของเรื่องนี้", "Not a file for this case's answer"),
        Words(
            "โปรดส่งไฟล์ที่ /v1/cases/{id}/answer-files ก่อน แล้วใช้ id ที่ได้",
            "Send the file to /v1/cases/{id}/answer-files first, and name it by the id that you get.",
        ),
    ),
    HarmfulFile: Problem(
        "harmful-file",
        HTTPStatus.CONFLICT,
        Words("พบสิ่งอันตรายในไฟล์", "Something harmful was found in the file"),
        Words("ระบบไม่เก็บไฟล์นี้ โปรดแจ้งผู้ดูแลระบบ", "It was not kept: tell your administrator."),
    ),
    ReceivedMailNotFound: Problem(
        "received-mail-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบอีเมลที่ได้รับ", "No such mail was received"),
        Words("โปรดดูรายการล่าสุดที่ /v1/received-mails", "Look at the list at /v1/received-mails again."),
    ),
    MailHasItsCase: Problem(
        "mail-has-its-case",
        HTTPStatus.CONFLICT,
        Words("อีเมลนี้อยู่ในเรื่องแล้ว", "This mail has its case"),
        Words("โปรดดู case_id ของอีเมล", "See the mail's case_id."),
    ),
    MailUnreadable: Problem(
        "mail-unreadable",
        HTTPStatus.CONFLICT,
        Words("ระบบอ่านอีเมลนี้ไม่ได้", "This mail cannot be read"),
        Words("โปรดดาวน์โหลดต้นฉบับ แล้วบันทึกเรื่องด้วยตนเอง", "Download the original, and record the case by hand."),
    ),
    ModelNotFound: Problem(
        "model-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบแบบจำลอง", "No such model"),
        Words("โปรดดูรุ่นทั้งหมดที่ /v1/routing/models", "All versions are at /v1/routing/models."),
    ),
    ModelInForce: Problem(
        "model-in-force",
        HTTPStatus.CONFLICT,
        Words("แบบจำลองรุ่นนี้ใช้อยู่แล้ว", "This model is in force already"),
        Words("ไม่มีอะไรต้องเปลี่ยน", "There is nothing to change."),
    ),
    NothingToRollBack: Problem(
        "nothing-to-roll-back",
        HTTPStatus.CONFLICT,
        Words("ไม่มีแบบจำลองให้ย้อนกลับ", "There is no model to roll back"),
        Words(
            "ขณะนี้คัดแยกด้วยกฎอย่างเดียว หากต้องการใช้แบบจำลองให้เลือกรุ่นที่ /v1/routing/models",
            "The rules decide alone now. To use a model, choose a version at /v1/routing/models.",
        ),
    ),
    RulesNotFound: Problem(
        "rules-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบกฎการคัดแยกรุ่นนี้", "No such version of the rules"),
        Words("โปรดดูรุ่นทั้งหมดที่ /v1/routing/rules/versions", "All versions are at /v1/routing/rules/versions."),
    ),
    QuestionNotFound: Problem(
        "question-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบคำถาม", "No such question"),
        Words("โปรดค้นหาใหม่ที่ /v1/questions", "Search again at /v1/questions."),
    ),
}
