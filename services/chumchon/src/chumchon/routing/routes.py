"""Where cases go: the decisions, deciding by hand, and the rules."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from chumchon.cases import CaseView, ProposalView, RoutingView, TermView, case_view, visible_case
from chumchon.filters import NEWEST
from chumchon.routing import actions
from chumchon.routing.queries import find_versions, past_cases, routings_of, rules_of
from chumchon.routing.rules import BrokenRules, Method, route, rules_from
from chumchon.routing.trial import PastCase, try_rules
from chumchon.rulebook import routing_basis
from chumchon.steps import GROUP_HEAD, GROUP_OFFICER, OFFICERS, REGISTRAR, case_to_change, sight_of
from chumchon.work_groups import TOPICS, WORK_GROUPS, Topic, WorkGroup, topics_of
from servicekit.clock import Now
from servicekit.fields import Body, Line, Text, Versioned, View
from servicekit.identity import Actor, Authenticated, require
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch, IfMatchRequired

router = Router(tags=["routing"])

Decider = Annotated[Actor, Depends(require(GROUP_HEAD, REGISTRAR))]
Worker = Annotated[Actor, Depends(require(GROUP_OFFICER, GROUP_HEAD))]
Head = Annotated[Actor, Depends(require(GROUP_HEAD))]
Officer = Annotated[Actor, Depends(require(*OFFICERS))]

Reason = Annotated[str, Text(2000)]

TRIAL_CASES = 1000
"""How many past cases a trial looks at: the newest ones, about a second's work."""
SHOWN_CHANGES = 100


class NewRouting(Body):
    """Where a person sends the case, and why."""

    topic: Topic
    reason: Reason = Field(examples=["เป็นเรื่องการโอนเงิน ไม่ใช่เรื่องร้องเรียน"])


class HandBack(Body):
    """Why the group hands the case back to triage."""

    reason: Reason = Field(examples=["ไม่ใช่เรื่องของกลุ่มงาน และไม่แน่ใจว่าเป็นของกลุ่มใด"])


class PreviewBody(Body):
    """A text to be routed, without a case."""

    text: Annotated[str, Text(20_000)] = Field(examples=["ขอทราบระเบียบการเบิกจ่ายเงินโครงการชุมชนพอเพียง"])


class Preview(View):
    """Where the text would go, and why."""

    topic: Topic | None
    work_group: WorkGroup | None
    method: Method
    confidence: float
    abstained: bool
    terms: list[TermView]
    proposals: list[ProposalView]
    rules_version: int
    model_version: int | None = Field(description="The trained model that was asked; null before there was one.")


class Routings(View):
    """Every decision on a case, oldest first; the last one is in force."""

    items: list[RoutingView]


class TopicView(View):
    """A topic with what people call it."""

    code: Topic
    th: str
    en: str


class WorkGroupView(View):
    """A work group with its topics."""

    code: WorkGroup
    abbreviation: str = Field(examples=["กตผ."])
    th: str
    en: str
    topics: list[TopicView]


class WorkGroups(View):
    """The five work groups, in the order of the procedure."""

    items: list[WorkGroupView]


class SavedRulesView(Versioned):
    """By whom and when a version of the routing rules was saved."""

    version: int = Field(description="0: those that the Office begins with.")
    saved_at: datetime | None = Field(description="Null for those that the Office begins with.")
    saved_by: str | None
    note: str | None


class RulesView(SavedRulesView):
    """One version of the routing rules."""

    rules: dict[str, Any] = Field(
        description="`topics`: topic -> term -> weight; `other`: the same for what is none of ours; `ignored`: phrases."
    )


class NewRules(Body):
    """Rules to be saved as the next version."""

    rules: dict[str, Any] = Field(
        description="`topics`: for each of the nine topics its terms and their weights, -5 to 5 and not 0; `other`: "
        "terms of what belongs to none of them, such a case waits in triage; `ignored`: phrases that say nothing."
    )
    note: Annotated[str, Line(300)] | None = None


class RulesToTry(Body):
    """Changed rules, to be tried on past cases."""

    rules: dict[str, Any]
    cases: int = Field(TRIAL_CASES, ge=1, le=TRIAL_CASES, description="How many of the newest cases.")


class ChangeView(View):
    """A case that would go elsewhere."""

    case_number: str
    before: Topic | None
    after: Topic | None


class TrialView(View):
    """What the changed rules would change."""

    cases: int
    changed: int
    abstained_before: int
    abstained_after: int
    confirmed: int = Field(
        description="Cases of which people have said where they belong: the group accepted it, a person decided it, or "
        "it was returned as not ours. The model learns from the same."
    )
    right_before: int = Field(
        description="Of those, how many the present rules send there, or leave in triage if not ours."
    )
    right_after: int = Field(description="And how many the changed rules.")
    changes: list[ChangeView] = Field(description=f"At most {SHOWN_CHANGES}, of cases that the caller may see.")


@router.get("/work-groups", summary="The five work groups and their topics")
async def get_work_groups(_: Authenticated) -> WorkGroups:
    """As the Office's procedure names them."""
    return WorkGroups(
        items=[
            WorkGroupView(
                code=code,
                abbreviation=group.abbreviation,
                th=group.th,
                en=group.en,
                topics=[TopicView(code=topic, th=TOPICS[topic].th, en=TOPICS[topic].en) for topic in topics_of(code)],
            )
            for code, group in WORK_GROUPS.items()
        ]
    )


@router.put("/cases/{case_id}/routing", summary="Decide where the case goes")
def put_routing(
    *, case_id: UUID, new: NewRouting, session: Transaction, now: Now, actor: Decider, versions: IfMatch
) -> CaseView:
    """From triage, or in place of the decision before; another group must accept the case for itself."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.route_case(session, case, new.topic, reason=new.reason, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/hand-back", summary="Hand the case back to triage")
def post_hand_back(
    *, case_id: UUID, why: HandBack, session: Transaction, now: Now, actor: Worker, versions: IfMatch
) -> CaseView:
    """By a group that does not know whose it is."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.hand_back(session, case, reason=why.reason, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.get("/cases/{case_id}/routing", summary="Every routing of the case so far")
def get_routing(case_id: UUID, session: Reading, actor: Officer) -> Routings:
    """With method, confidence, the terms that spoke for it and against it, and who decided why."""
    visible_case(session, case_id, sight_of(actor))
    return Routings(items=[RoutingView.model_validate(row) for row in routings_of(session, case_id)])


@router.post("/routing/preview", summary="Where a text would go")
def post_preview(sent: PreviewBody, session: Reading, _: Officer) -> Preview:
    """By the rules and the model in force; nothing is kept."""
    basis = routing_basis(session)
    routing = asdict(route(sent.text, basis.rules, basis.model))
    return Preview(**routing, rules_version=basis.rules_version, model_version=basis.model_version)


@router.get("/routing/rules", summary="The rules in force")
def get_rules(session: Reading, _: Officer) -> RulesView:
    """Weighted terms by topic, in the form in which they are saved."""
    return _rules_view(session, routing_basis(session).rules_version)


@router.get("/routing/rules/versions", summary="Every version of the rules, newest first")
def list_rules(
    *,
    request: Request,
    response: Response,
    session: Reading,
    _: Officer,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[SavedRulesView]:
    """Who saved it, when, and with what note. Each decision names its `rules_version`."""
    before = decode_cursor(request, cursor, [int])[0] if cursor else NEWEST
    return make_page(
        find_versions(session, before=before, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=SavedRulesView.model_validate,
        position=lambda row: (row.version,),
    )


@router.get("/routing/rules/versions/{version}", summary="One version of the rules")
def get_rules_version(version: int, session: Reading, _: Officer) -> RulesView:
    """As they were saved; version 0 are those that the Office begins with.

    To go back to a version, save its `rules` anew by `PUT /v1/routing/rules`, with the `ETag` of the rules in force.
    """
    return _rules_view(session, version)


@router.put("/routing/rules", summary="Save changed rules")
def put_rules(new: NewRules, session: Transaction, now: Now, actor: Head, versions: IfMatchRequired) -> RulesView:
    """In force from the next case on. Broken rules are refused, with every fault.

    `If-Match` names the version that was changed, so that nobody overwrites what somebody else saved meanwhile.
    """
    saved = actions.save_rules(session, new.rules, note=new.note, versions=versions, by=actor.subject, now=now)
    return _rules_view(session, saved)


@router.post("/routing/rules/trial", summary="Try changed rules on past cases")
def post_trial(sent: RulesToTry, session: Reading, actor: Head) -> TrialView:
    """Against what people have confirmed or corrected of them; nothing is changed."""
    try:
        changed = rules_from(sent.rules)
    except BrokenRules as error:
        raise actions.broken(error) from error
    rows = {row.id: row for row in past_cases(session, limit=sent.cases)}
    past = [
        PastCase(
            row.id,
            f"{row.subject}\n{row.details}",
            row.confirmed,
            None if row.confirmed_group is None else WorkGroup(row.confirmed_group),
        )
        for row in rows.values()
    ]
    basis = routing_basis(session)
    trial = try_rules(past, basis, basis.with_rules(changed))
    sight = sight_of(actor)
    seen = [
        change
        for change in trial.changes
        if sight.includes(work_group=rows[change.id].work_group, client_id=rows[change.id].client_id)
    ]
    return TrialView(
        cases=trial.cases,
        changed=len(trial.changes),
        abstained_before=trial.abstained_before,
        abstained_after=trial.abstained_after,
        confirmed=trial.confirmed,
        right_before=trial.right_before,
        right_after=trial.right_after,
        changes=[
            ChangeView(case_number=rows[change.id].case_number, before=change.before, after=change.after)
            for change in seen[:SHOWN_CHANGES]
        ],
    )


def _rules_view(session: Session, version: int) -> RulesView:
    saved, rules = rules_of(session, version)
    return RulesView(**saved._asdict(), rules=rules.as_data())
