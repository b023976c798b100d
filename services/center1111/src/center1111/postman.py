"""The Centre's postman: sends the mails that tell complainants of answers."""

from center1111.settings import Settings
from center1111.tellings import settle_mail, write_mail
from servicekit.database import Sessions
from servicekit.mail_queue import Postman


def make_postman(sessions: Sessions, settings: Settings) -> Postman | None:
    """A postman on the Centre's database; None where the operator named no mail server."""
    server = settings.mail_server
    if server is None:
        return None
    head = settings.letterhead
    return Postman(
        sessions,
        server,
        write=lambda session, delivery_id, now: write_mail(session, delivery_id, head, now),
        settle=settle_mail,
    )
