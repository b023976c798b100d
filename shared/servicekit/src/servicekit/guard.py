"""Runs one command for as long as somebody needs it, and stops it when the last of them is gone.

    python -I -S guard.py LIFELINE STOP_SIGNAL ACCOUNT COMMAND...

Whoever needs the command holds a shared lock (flock) on the file LIFELINE. The kernel takes that lock back
when its process ends, in whatever way: returned, raised, or killed by SIGKILL. The guard waits for the lock to
be free, sends STOP_SIGNAL (a number), and holds the lock until the command has ended, so that nobody joins a
server on its way out. This works on Linux and macOS; on Linux the command dies with a killed guard as well.

ACCOUNT is `own` (run as who we are), or, for commands that refuse to run as root or as somebody unnamed:
`namespace` (a user namespace in which we and our files are `nobody`) or `nobody` (that account itself).

The exit status is the command's, as a shell gives it: 128 + n if signal n ended it. The file needs the
standard library alone and is run by its path, which starts much faster than the whole environment.
"""

import ctypes
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

GRACE_SECONDS = 20.0
"""How long the command may take to stop before it is killed."""

SIGNALLED = 128
"""An exit status of SIGNALLED + n says that signal n ended the command."""

_NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


def guarded(command: Sequence[str], lifeline: Path, *, stop_signal: signal.Signals, account: str = "own") -> list[str]:
    """The words that run `command` under a guard. Start them as a session of their own."""
    return [sys.executable, "-I", "-S", __file__, str(lifeline), str(int(stop_signal)), account, *command]


def _become(account: str) -> None:
    if account == "namespace":
        user, group = os.geteuid(), os.getegid()
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "no user namespace can be made here")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{_NOBODY} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{_NOBODY} {group} 1", encoding="ascii")
    elif account == "nobody":
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def _run(lifeline: str, stop_signal: int, account: str, command: Sequence[str]) -> int:
    with Path(lifeline).open("rb") as line:  # opened while we may still read it
        _become(account)
        libc = ctypes.CDLL(None)

        def die_with_the_guard() -> None:
            if sys.platform == "linux":
                libc.prctl(_PR_SET_PDEATHSIG, stop_signal)

        # preexec_fn is safe: no thread runs yet, and without new ones the thread that starts the child lives on.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_the_guard)  # noqa: S603, PLW1509

        def stop_when_nobody_needs_it() -> None:
            fcntl.flock(line, fcntl.LOCK_EX)
            child.send_signal(stop_signal)
            threading.Timer(GRACE_SECONDS, os.killpg, (0, signal.SIGKILL)).start()

        for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(asked_to_stop, lambda *_: child.send_signal(stop_signal))
        threading.Thread(target=stop_when_nobody_needs_it, daemon=True).start()
        status = child.wait()
        return status if status >= 0 else SIGNALLED - status


if __name__ == "__main__":
    # os._exit, because a thread may still wait for the lock or for the grace to pass.
    os._exit(_run(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
