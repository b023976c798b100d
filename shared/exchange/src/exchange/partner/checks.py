"""The promises of docs/exchange.md that can be seen from outside, each as one check."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

import orjson

from exchange.keys import OwnKeys, generate_keys
from exchange.partner.playing import BrokenPromise, Exchanged, Player, digest_of_message, expect
from exchange.signing import REQUEST_COMPONENTS
from schemas import BATCH_BYTES, BATCH_MESSAGES, JsonObject
from servicekit.ids import uuid7

Check = Callable[[Player], None]

_TOO_OLD = timedelta(minutes=6)


def batch(*messages: JsonObject) -> bytes:
    """The body of a request."""
    return orjson.dumps({"messages": messages})


def keys_are_published(player: Player) -> None:
    """An Ed25519 key stands at /.well-known/jwks.json."""
    if not player.published_keys():
        raise BrokenPromise("the JWK Set holds no Ed25519 key")


def good_message_is_taken(player: Player) -> None:
    """A good message is taken, and its receipt carries the digest of its canonical JSON."""
    message = player.message()
    (receipt,) = player.send(message)
    expect("disposition", player.well, receipt.disposition.value)
    expect("digest", digest_of_message(message), receipt.digest)


def unknown_fields_are_ignored(player: Player) -> None:
    """Readers ignore fields that they do not know, and still count them into the digest."""
    message = player.message(later_extension="x", data={"later_field": {"a": 1}})
    (receipt,) = player.send(message)
    expect("disposition", player.well, receipt.disposition.value)
    expect("digest", digest_of_message(message), receipt.digest)


def duplicate_is_known(player: Player) -> None:
    """The same message again is a duplicate, with the first receipt's moment, however its JSON is written."""
    message = player.message()
    (first,) = player.send(message)
    (again,) = player.send(dict(reversed(message.items())))
    expect("disposition of the second", "duplicate", again.disposition.value)
    expect("received_at of the second", first.received_at, again.received_at)
    expect("digest of the second", first.digest, again.digest)


def duplicate_in_one_batch_is_known(player: Player) -> None:
    """The same message twice in one batch is applied once."""
    message = player.message()
    expect("dispositions", [player.well, "duplicate"], player.dispositions(message, message))


def duplicates_at_once_are_applied_once(player: Player) -> None:
    """The same message in several requests at the same moment is applied once."""
    message = player.message()
    with ThreadPoolExecutor(4) as senders:
        found = [it for (it,) in senders.map(lambda _: player.dispositions(message), range(4))]
    expect("dispositions", sorted([player.well, *3 * ["duplicate"]]), sorted(found))


def conflict_is_told(player: Player) -> None:
    """Another message under an id that was taken is a conflict, and its receipt shows the first one's digest."""
    message = player.message()
    player.send(message)
    (receipt,) = player.send(message | {"requestid": "another"})
    expect("disposition", "conflict", receipt.disposition.value)
    expect("digest", digest_of_message(message), receipt.digest)


def erased_form_is_known(player: Player) -> None:
    """A message that comes again in its erased form is a duplicate: `eraseddigest` says what it was first sent as."""
    message = player.message()
    player.send(message)
    (receipt,) = player.send(message | {"data": {}, "eraseddigest": digest_of_message(message)})
    expect("disposition", "duplicate", receipt.disposition.value)
    expect("digest", digest_of_message(message), receipt.digest)


def early_message_is_held(player: Player) -> None:
    """A message that comes before its predecessor is held, and counts as taken once that has come."""
    subject = uuid7()
    first, second = player.message(subject), player.message(subject, 2)
    expect("of the second, alone", ["held"], player.dispositions(second))
    expect("of the second, again", ["duplicate"], player.dispositions(second))
    expect("of the first", [player.well], player.dispositions(first))
    expect("of the second, at last", ["duplicate"], player.dispositions(second))
    expect("of another in the second's place", ["quarantined"], player.dispositions(player.message(subject, 2)))


def order_in_a_batch_does_not_matter(player: Player) -> None:
    """A batch with a subject's messages in the wrong order leaves none of them waiting."""
    subject = uuid7()
    first, second = player.message(subject), player.message(subject, 2)
    player.send(second, first)
    third = player.message(subject, 3)
    expect("of the third", [player.well], player.dispositions(third))


def taken_sequence_is_refused(player: Player) -> None:
    """Another message in a place that is taken is quarantined, with the reason."""
    subject = uuid7()
    player.send(player.message(subject))
    _expect_quarantine(player, player.message(subject))


def unknown_type_is_quarantined(player: Player) -> None:
    """A type that the receiver does not know is kept, with the reason, and never an error."""
    _expect_quarantine(player, player.message(type="referral.unheard_of.v9"))


def invalid_body_is_quarantined(player: Player) -> None:
    """A body that is not as the type's schema says is kept, with the reason."""
    _expect_quarantine(player, player.message(data={"referral_number": 7}))


def wrong_source_is_quarantined(player: Player) -> None:
    """A message in the name of another party than the one that signs is kept, and never applied."""
    _expect_quarantine(player, player.message(source="somebody_else"))


def bad_message_stops_no_other(player: Player) -> None:
    """Each message of a batch is decided by itself."""
    good, bad, other = player.message(), player.message(data={"referral_number": 7}), player.message()
    expect("dispositions", [player.well, "quarantined", player.well], player.dispositions(good, bad, other))


def nul_is_no_failure(player: Player) -> None:
    """Text that databases do not hold is refused by receipt or by 400, not by a failure."""
    sent = player.request(batch(player.message(data={"subject": "a\0b", "topic": "a\0b"})))
    if sent.status not in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST):
        raise BrokenPromise(f"a NUL in a text: expected 200 or 400, got {sent.status}")


def full_batch_is_taken(player: Player) -> None:
    """A batch may have 100 messages."""
    messages = [player.message() for _ in range(BATCH_MESSAGES)]
    expect("dispositions", {player.well}, set(player.dispositions(*messages)))


def too_many_messages_are_refused(player: Player) -> None:
    """A batch of 101 messages is 400, and so is one of none."""
    _expect_refusal(player.request(batch(*(player.message() for _ in range(BATCH_MESSAGES + 1)))), 400)
    _expect_refusal(player.request(batch()), 400)


def malformed_is_refused(player: Player) -> None:
    """What is no JSON, no batch, or has messages without identity is 400."""
    for body in (b"{", b"[]", b'{"messages": {}}', b'{"messages": [1]}', b'{"messages": [{"id": "x"}]}'):
        _expect_refusal(player.request(body), 400)


def oversized_is_refused(player: Player) -> None:
    """More than 1 MiB is 413."""
    _expect_refusal(player.request(b" " * BATCH_BYTES + batch(player.message())), 413)


def other_media_type_is_refused(player: Player) -> None:
    """Another content type than JSON is 415."""
    _expect_refusal(player.request(batch(player.message()), content_type="text/plain"), 415)


def unsigned_is_refused(player: Player) -> None:
    """An unsigned request is 401, and leaves no trace."""
    message = player.message()
    _expect_refusal(player.request(batch(message), signed=False), 401)
    expect("of the same message, signed", [player.well], player.dispositions(message))


def stale_is_refused(player: Player) -> None:
    """A signature of more than 5 minutes ago is 401."""
    _expect_refusal(player.request(batch(player.message()), aged=_TOO_OLD), 401)


def signature_from_the_future_is_refused(player: Player) -> None:
    """A signature of more than 5 minutes ahead is 401."""
    _expect_refusal(player.request(batch(player.message()), aged=-_TOO_OLD), 401)


def altered_is_refused(player: Player) -> None:
    """A body that was changed on the way is 401, and leaves no trace."""
    message = player.message()
    altered = player.request(batch(message), alter=lambda body: body.replace(b'"1.0"', b'"1.1"', 1))
    _expect_refusal(altered, 401)
    expect("of the same message, as it was", [player.well], player.dispositions(message))


def stranger_is_refused(player: Player) -> None:
    """A key that no peer has published is 401; 503 while a peer's keys cannot be fetched."""
    sent = player.request(batch(player.message()), keys=OwnKeys(generate_keys()))
    _expect_refusal(sent, 401, 503)


def forger_is_refused(player: Player) -> None:
    """A signature under a peer's key id with another key is 401."""
    forged = OwnKeys(generate_keys())
    forged.key_id = player.key_id
    _expect_refusal(player.request(batch(player.message()), keys=forged), 401)


def wrong_target_is_refused(player: Player) -> None:
    """A request that was signed for another party's URL is 401: nobody can pass on what was meant for another."""
    sent = player.request(batch(player.message()), signed_for="https://elsewhere.example/v1/exchange/messages")
    _expect_refusal(sent, 401)


def signature_without_body_is_refused(player: Player) -> None:
    """A signature that does not cover the body is 401."""
    sent = player.request(batch(player.message()), covered=REQUEST_COMPONENTS[:-1])
    _expect_refusal(sent, 401)


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        keys_are_published,
        good_message_is_taken,
        unknown_fields_are_ignored,
        duplicate_is_known,
        duplicate_in_one_batch_is_known,
        duplicates_at_once_are_applied_once,
        conflict_is_told,
        erased_form_is_known,
        early_message_is_held,
        order_in_a_batch_does_not_matter,
        taken_sequence_is_refused,
        unknown_type_is_quarantined,
        invalid_body_is_quarantined,
        wrong_source_is_quarantined,
        bad_message_stops_no_other,
        nul_is_no_failure,
        full_batch_is_taken,
        too_many_messages_are_refused,
        malformed_is_refused,
        oversized_is_refused,
        other_media_type_is_refused,
        unsigned_is_refused,
        stale_is_refused,
        signature_from_the_future_is_refused,
        altered_is_refused,
        stranger_is_refused,
        forger_is_refused,
        wrong_target_is_refused,
        signature_without_body_is_refused,
    )
}


class Found(NamedTuple):
    """What a check found: `problem` is None when the promise is kept."""

    check: str
    promise: str
    problem: str | None


def run_check(name: str, player: Player) -> Found:
    """Run one check. What keeps it from being answered at all is a broken promise too."""
    check = CHECKS[name]
    promise = (check.__doc__ or "").strip()
    try:
        check(player)
    except BrokenPromise as broken:
        return Found(name, promise, str(broken))
    except Exception as error:  # noqa: BLE001  # an answer that makes our reading fail is a finding, not our failure
        return Found(name, promise, f"no usable answer: {type(error).__name__}: {error}")
    return Found(name, promise, None)


def _expect_quarantine(player: Player, message: JsonObject) -> None:
    (receipt,) = player.send(message)
    expect("disposition", "quarantined", receipt.disposition.value)
    if receipt.problem is None:
        raise BrokenPromise("a quarantined message's receipt has no problem that says why")


def _expect_refusal(sent: Exchanged, *statuses: int) -> None:
    if sent.status not in statuses:
        raise BrokenPromise(f"expected {' or '.join(map(str, statuses))}, got {sent.status}")
