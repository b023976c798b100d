"""The Centre and the Office as the people of the demonstration and of the tests use them: by HTTP, each with a token.

    centre, office = meet(json.loads(Path(".data/run.json").read_text()))
    complaint = centre.register({...})

Every method is one call, raises `Refused` when the service says no, and returns the answer's JSON. Calls that create
carry an `Idempotency-Key`, so that they can be repeated when an answer was lost.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import httpx2

Json = dict[str, Any]
Found = TypeVar("Found")

CONNECTIONS = 16
"""HTTP connections kept to each service: as many as threads that may call at once."""

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
ATTEMPTS = 8
LONGEST_PAUSE_SECONDS = 10.0
_BUSY = frozenset({429, 502, 503, 504})


class Refused(Exception):
    """A service said no: its status, and its problem in words."""

    def __init__(self, status: int, problem: Json, asked: str) -> None:
        self.status = status
        self.problem = problem
        reasons = [
            f"{fault.get('pointer', '')} {fault.get('detail', '')}".strip() for fault in problem.get("errors", ())
        ]
        said = "; ".join(reasons) or problem.get("detail") or problem.get("title") or "ไม่ได้บอกเหตุผล"
        self.reason: str = said
        super().__init__(f"{asked}: {status} {said}")


class NotInTime(Exception):
    """What was waited for did not happen before the deadline."""


def eventually(look: Callable[[], Found | None], awaited: str, *, within_seconds: float = PATIENCE_SECONDS) -> Found:
    """The first result of `look` that is not empty; it is asked again until then.

    Raises:
        NotInTime: nothing came within the time; the message names what was `awaited`.
    """
    give_up_at = time.monotonic() + within_seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise NotInTime(f"{awaited}: ไม่เกิดขึ้นภายใน {within_seconds:.0f} วินาที")
        time.sleep(POLL_SECONDS)


class Service:
    """One service, and the tokens of the people who work there. May be used by many threads at once."""

    def __init__(self, url: str, tokens: Mapping[str, str], http: httpx2.Client | None = None) -> None:
        """`http` is a client of the service's base URL, for tests that need no network."""
        self.url = url.rstrip("/")
        self._tokens = tokens
        self._http = http or httpx2.Client(
            base_url=self.url,
            trust_env=False,  # a proxy of the surroundings does not know our ports
            timeout=30,
            limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self,
        role: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        if_match: str | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> httpx2.Response:
        """One call as `role` (such as `officer`, or `group_head.audit`); `path` begins with `/v1`.

        A call that can be repeated safely (a read, a PUT, or one with an `Idempotency-Key`) is repeated while the
        service is busy or does not answer.

        Raises:
            Refused: any answer that is not 2xx.
            httpx2.TransportError: there was no answer, and repeating did not help.
        """
        headers = {"Authorization": f"Bearer {self._tokens[role]}", "Accept-Language": "th"}
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid4())
        if if_match is not None:
            headers["If-Match"] = if_match
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                answer = self._http.request(method, path, json=body, params=query, headers=headers)
            except httpx2.TransportError:
                if last:
                    raise
                time.sleep(POLL_SECONDS * 2**attempt)
                continue
            if answer.status_code not in _BUSY or last:
                break
            asked = float(answer.headers.get("Retry-After", POLL_SECONDS * 2**attempt))
            time.sleep(min(asked, LONGEST_PAUSE_SECONDS))
        if not answer.is_success:
            raise Refused(answer.status_code, _problem(answer), f"{method} {path}")
        return answer

    def read(self, role: str, path: str, **query: str | int) -> Json:
        """A resource, or one page of a list."""
        found: Json = self.ask(role, "GET", path, query=query).json()
        return found

    def items(self, role: str, path: str, **query: str | int) -> Iterator[Json]:
        """All items of a list, page after page."""
        page = self.read(role, path, limit=100, **query)
        yield from page["items"]
        while page["next"]:
            page = self.read(role, path, limit=100, cursor=page["next"], **query)
            yield from page["items"]

    def change(self, role: str, method: str, path: str, body: Json, *, key: str | None = None) -> Json:
        """A change, and the answer's JSON (nothing for 204)."""
        answer = self.ask(role, method, path, body, key=key)
        changed: Json = answer.json() if answer.content else {}
        return changed


class Centre(Service):
    """Complaint centre 1111."""

    def register(self, complaint: Json, *, key: str | None = None) -> Json:
        """Intake records a complaint."""
        return self.change("intake", "POST", "/v1/complaints", complaint, key=key)

    def complaint(self, complaint_id: str) -> Json:
        """The complaint as it stands."""
        return self.read("officer", f"/v1/complaints/{complaint_id}")

    def verify(self, complaint_id: str) -> Json:
        """The verifier accepts the complaint."""
        return self.change("verifier", "PUT", f"/v1/complaints/{complaint_id}/verification", {"outcome": "accepted"})

    def suggestions(self, complaint_id: str) -> list[Json]:
        """Articles that may answer the complaint, best first."""
        items: list[Json] = self.read("officer", f"/v1/complaints/{complaint_id}/suggestions")["items"]
        return items

    def answer(self, complaint_id: str, text: str, article_ids: list[str], *, key: str | None = None) -> Json:
        """The officer answers under the Centre's own authority."""
        body = {"text": text, "article_ids": article_ids}
        return self.change("officer", "POST", f"/v1/complaints/{complaint_id}/answers", body, key=key)

    def refer(self, complaint_id: str, question: str, *, insist: bool = False, key: str | None = None) -> Json:
        """The officer refers the complaint to the Office; a second time after a return only if they `insist`."""
        body = {"to": "chumchon", "question": question} | ({"insist": True} if insist else {})
        return self.change("officer", "POST", f"/v1/complaints/{complaint_id}/referrals", body, key=key)

    def withdraw(self, referral_id: str, reason: str) -> Json:
        """The officer takes a referral back."""
        return self.change("officer", "POST", f"/v1/referrals/{referral_id}/withdrawal", {"reason": reason})

    def contest(self, referral_id: str, reason: str) -> Json:
        """The officer tells the Office why the complainant does not accept its answer."""
        return self.change("officer", "POST", f"/v1/referrals/{referral_id}/contest", {"reason": reason})

    def amend(self, referral_id: str, information: str) -> Json:
        """The officer tells the Office what has become known since."""
        return self.change("officer", "POST", f"/v1/referrals/{referral_id}/amendments", {"text": information})

    def referral(self, referral_id: str) -> Json:
        """The referral as it stands."""
        return self.read("officer", f"/v1/referrals/{referral_id}")

    def publish_article(self, article: Json) -> Json:
        """The article with this question: the published one, or else a new one, published by a second person."""
        for known in self.items("km_editor", "/v1/articles", q=article["question"]):
            if known["question"] == article["question"] and known["state"] == "published":
                return known
        drafted = self.change("km_editor", "POST", "/v1/articles", article)
        return self.change("admin", "POST", f"/v1/articles/{drafted['id']}/publication", {})


class Office(Service):
    """The Office of Sufficiency Economy for Community Upgrade."""

    def open_case(self, case: Json) -> Json:
        """The registrar records a case from one of the Office's own channels."""
        return self.change("registrar", "POST", "/v1/cases", case)

    def case(self, case_id: str) -> Json:
        """The case as it stands."""
        return self.read("registrar", f"/v1/cases/{case_id}")

    def case_of(self, referral_id: str) -> Json | None:
        """The case that a referral has opened; None as long as there is none."""
        items: list[Json] = self.read("registrar", "/v1/cases", referral=referral_id)["items"]
        return items[0] if items else None

    def reroute(self, case_id: str, topic: str, reason: str) -> Json:
        """The registrar decides the case's topic, and so its work group."""
        return self.change("registrar", "PUT", f"/v1/cases/{case_id}/routing", {"topic": topic, "reason": reason})

    def accept(self, case: Json) -> Json:
        """An officer of the case's group accepts it."""
        return self.change(f"group_officer.{case['work_group']}", "POST", f"/v1/cases/{case['id']}/acceptance", {})

    def hand_back(self, case: Json, reason: str, note: str, suggested_owner: str | None = None) -> Json:
        """An officer of the case's group returns it to the Centre."""
        body = {"reason": reason, "note": note, "suggested_owner": suggested_owner}
        return self.change(f"group_officer.{case['work_group']}", "POST", f"/v1/cases/{case['id']}/return", body)

    def report_progress(self, case: Json, text: str) -> Json:
        """An officer of the case's group reports how it stands."""
        return self.change(
            f"group_officer.{case['work_group']}", "POST", f"/v1/cases/{case['id']}/progress", {"text": text}
        )

    def ask_back(self, case: Json, question: str) -> Json:
        """An officer of the case's group asks what the complainant must still tell."""
        role = f"group_officer.{case['work_group']}"
        return self.change(role, "POST", f"/v1/cases/{case['id']}/questions", {"text": question})

    def draft(self, case: Json, text: str) -> Json:
        """An officer of the case's group drafts the answer."""
        role, path = f"group_officer.{case['work_group']}", f"/v1/cases/{case['id']}"
        seen = self.ask(role, "GET", path).headers["ETag"]
        drafted: Json = self.ask(role, "PUT", f"{path}/draft", {"text": text}, if_match=seen).json()
        return drafted

    def approve(self, case: Json) -> Json:
        """The group's head approves the draft: it goes back to the Centre, or to the complainant."""
        return self.change(f"group_head.{case['work_group']}", "POST", f"/v1/cases/{case['id']}/answers", {})

    def answer(self, case: Json, text: str) -> Json:
        """An officer of the case's group drafts the answer, and its head approves it."""
        self.draft(case, text)
        return self.approve(case)


def meet(run: Mapping[str, Any]) -> tuple[Centre, Office]:
    """Both services of a running stack, as `run.json` describes it."""
    centre, office = run["center1111"], run["chumchon"]
    return Centre(centre["url"], centre["tokens"]), Office(office["url"], office["tokens"])


def _problem(answer: httpx2.Response) -> Json:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {"title": answer.text[:200]}
