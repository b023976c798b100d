"""Attachments: described in messages, fetched, checked, and tried again by themselves."""

import hashlib
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from exchange.attachments import AttachmentNotFound, Fetcher, fetched_content, want, wanted_about
from exchange.fetching import Enquirer, PeerAnswerError
from exchange.parties import ATTACHMENTS_PATH
from schemas import Attachment, Message, sample
from servicekit.clock import utc_now
from servicekit.ids import uuid7

from .conftest import FILES, Parties, Party, served

CONTENT = "ใบเสร็จรับเงิน".encode() * 100


@pytest.fixture
def office(parties: Parties) -> Iterator[Party]:
    """The Office; the Centre is served, and has one file for it."""
    with served(parties.centre.app, parties.listeners["center1111"]):
        yield parties.office
    FILES.contents.clear()


@pytest.fixture
def described(office: Party) -> Attachment:
    """A file of the Centre's that a message has described to the Office."""
    described = Attachment(
        id=uuid7(),
        filename="ใบเสร็จ.pdf",
        media_type="application/pdf",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    wants(office, described)
    return described


def wants(office: Party, *described: Attachment) -> UUID:
    """Take a message that describes these; its subject."""
    message = Message.model_validate(sample("referral.sent.v1"))
    with office.sessions.begin() as session:
        want(session, message, described, now=utc_now())
    return message.subject


SUBJECT = UUID(sample("referral.sent.v1")["subject"])


def fetched(office: Party) -> int:
    fetcher = Fetcher(office.exchange, office.sessions)
    try:
        return fetcher.fetch_what_is_due()
    finally:
        fetcher.close()


def problem(office: Party) -> str | None:
    with office.sessions() as session:
        (only,) = wanted_about(session, SUBJECT)
        assert only.fetched_at is None
        return only.last_problem


def test_a_described_file_is_fetched_once(office: Party, described: Attachment) -> None:
    """And is there for who reads the case."""
    FILES.contents[described.id, "chumchon"] = CONTENT
    wants(office, described)
    assert (1, 0) == (fetched(office), fetched(office))
    with office.sessions() as session:
        found, content = fetched_content(session, SUBJECT, described.id)
        assert ("ใบเสร็จ.pdf", CONTENT) == (found.filename, content)
        with pytest.raises(AttachmentNotFound):
            fetched_content(session, uuid4(), described.id)


@pytest.mark.parametrize(
    ("content", "told"), [(CONTENT[::-1], "digest"), (CONTENT + b"x", "too long"), (b"", "length")]
)
def test_another_file_than_described_is_not_taken(
    office: Party, described: Attachment, content: bytes, told: str
) -> None:
    """It is asked for again, later, until it is the right one."""
    FILES.contents[described.id, "chumchon"] = content
    assert 0 == fetched(office)
    assert told in str(problem(office))
    FILES.contents[described.id, "chumchon"] = CONTENT
    assert 0 == fetched(office)  # not at once
    office.sql("UPDATE exchange_attachments SET due_at = now()")
    assert 1 == fetched(office)


def test_a_file_that_is_not_there_yet_is_asked_for_again(office: Party, described: Attachment) -> None:
    """The case does not wait for it, and shows that it is missing."""
    assert 0 == fetched(office)
    assert "HTTP 404" == problem(office)
    with office.sessions() as session, pytest.raises(AttachmentNotFound):
        fetched_content(session, SUBJECT, described.id)


def test_a_file_is_given_to_the_peer_that_it_was_described_to(office: Party, described: Attachment) -> None:
    """Another party's files are not found."""
    FILES.contents[described.id, "another"] = CONTENT
    enquirer = Enquirer(office.exchange)
    with pytest.raises(PeerAnswerError, match="404"):
        enquirer.fetch(office.peer("center1111"), f"{ATTACHMENTS_PATH}/{described.id}")
    enquirer.close()
