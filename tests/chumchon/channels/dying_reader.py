"""A reader of the mailbox that kills itself (SIGKILL) at its second mail: before or after the step that it is told.

    python dying_reader.py SETTINGS

SETTINGS is JSON: `database`, `files`, `port`, `user`, `password`, `tag_key`, `step`, `moment`.
"""

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imap_tools

from chumchon.channels import mailbox
from chumchon.channels.desk import Desk
from chumchon.channels.mailbox import MailboxAccount, MailReader
from chumchon.channels.tags import Tags
from chumchon.deadlines import Deadlines
from servicekit.database import make_engine, make_sessions
from servicekit.files.storing import FileStore
from thaikit.calendar import Holidays

STEPS: dict[str, tuple[Any, str]] = {
    "read": (mailbox, "receive"),
    "take": (mailbox, "take_mail"),
    "commit": (MailReader, "_record"),
    "move": (imap_tools.BaseMailBox, "move"),
}


def dying(step: Callable[..., Any], moment: str) -> Callable[..., Any]:
    """The step, at whose second call this process dies."""
    calls = 0

    @functools.wraps(step)
    def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # whatever the step takes and gives
        nonlocal calls
        calls += 1
        if calls == 2 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = step(*arguments, **named)
        if calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    return run


def main() -> None:
    """Read the mailbox once, as far as life goes."""
    told = json.loads(sys.argv[1])
    owner, name = STEPS[told["step"]]
    setattr(owner, name, dying(getattr(owner, name), told["moment"]))
    desk = Desk(
        store=FileStore(Path(told["files"]).as_uri()),
        deadlines=Deadlines(15, Holidays()),
        tags=Tags([told["tag_key"]]),
        acknowledges=True,
    )
    account = MailboxAccount("127.0.0.1", told["port"], "none", told["user"], told["password"])
    MailReader(make_sessions(make_engine(told["database"], pool_size=1)), desk, account).read_once()


main()
