"""Where cases go: decisions, deciding by hand, and the rules that people edit."""

import json
from copy import deepcopy

import pytest

from chumchon.routing import actions
from chumchon.rulebook import routing_basis

from .conftest import GROUPS, TRANSFER, UNCLEAR, Centre, Json, Office

HEAD = "group_head.participation"
FIRST = {"If-Match": '"0"'}
"""Of the rules that the Office begins with."""


def rules(office: Office) -> Json:
    found: Json = office.done("GET", "/routing/rules")
    return found


def test_the_groups_are_those_of_the_procedure(standing_office: Office) -> None:
    """Five groups with their nine topics, for anybody with a token."""
    groups = standing_office.done("GET", "/work-groups", role="operator")["items"]
    assert set(GROUPS) == {group["code"] for group in groups}
    assert 9 == sum(len(group["topics"]) for group in groups)


def test_a_preview_routes_without_a_case(office: Office) -> None:
    """With the terms that spoke for it; nothing is kept."""
    preview = office.done("POST", "/routing/preview", {"text": f"{TRANSFER['subject']}\n{TRANSFER['details']}"})
    assert ("transfers_and_changes", "participation", False) == (
        preview["topic"],
        preview["work_group"],
        preview["abstained"],
    )
    assert {"term", "weight"} == set(preview["terms"][0])
    assert [] == office.done("GET", "/cases")["items"]


def test_a_preview_abstains(standing_office: Office) -> None:
    """A text that says nothing goes nowhere."""
    preview = standing_office.done("POST", "/routing/preview", {"text": UNCLEAR["details"]})
    assert (None, None, True) == (preview["topic"], preview["work_group"], preview["abstained"])


def test_a_person_routes_from_triage(office: Office) -> None:
    """Every decision is kept, the last one is in force."""
    case = office.record(**UNCLEAR)
    path = f"/cases/{case['id']}/routing"
    routed = office.ask("PUT", path, {"topic": "training", "reason": "โทรถามแล้ว"}, headers={"If-Match": '"1"'})
    assert (200, '"2"') == (routed.status_code, routed.headers["etag"])
    assert ("routed", "academic", "training", "person") == (
        (seen := routed.json())["state"],
        seen["work_group"],
        seen["topic"],
        seen["routing"]["method"],
    )
    assert [("model", True, None), ("person", False, "โทรถามแล้ว")] == [
        (it["method"], it["abstained"], it["reason"]) for it in office.done("GET", path)["items"]
    ]


def test_another_group_must_accept_for_itself(office: Office) -> None:
    """A rerouted case leaves the group that had accepted it."""
    case = office.record()
    office.accept(case)
    path = f"/cases/{case['id']}"
    body = {"topic": "complaints", "reason": "เป็นเรื่องร้องเรียน"}
    rerouted = office.done("PUT", f"{path}/routing", body, role=HEAD)
    assert ("routed", "audit", None, None) == (
        rerouted["state"],
        rerouted["work_group"],
        rerouted["officer"],
        rerouted["accepted_at"],
    )
    assert (404, "case-not-found") == office.refused("GET", path, role=HEAD)
    assert "accepted" == office.accept(rerouted)["state"]


def test_another_topic_of_the_group_leaves_the_case_there(office: Office) -> None:
    """The group that accepted it keeps it."""
    case = office.record()
    office.accept(case)
    body = {"topic": "project_documents", "reason": "เป็นเรื่องเอกสาร"}
    changed = office.done("PUT", f"/cases/{case['id']}/routing", body, role=HEAD)
    assert ("accepted", "project_documents") == (changed["state"], changed["topic"])
    assert changed["officer"]


def test_a_group_hands_back_to_triage(office: Office) -> None:
    """The case is `new` again, and out of the group's sight."""
    case = office.record()
    path = f"/cases/{case['id']}"
    back = office.done("POST", f"{path}/hand-back", {"reason": "ไม่แน่ใจ"}, role="group_officer.participation")
    assert ("new", None) == (back["state"], back["work_group"])
    assert (404, "case-not-found") == office.refused("GET", path, role=HEAD)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"topic": "other", "reason": "ก"}, {("/topic", "unknown_code")}),
        ({"topic": "training"}, {("/reason", "required")}),
        ({"topic": "training", "reason": "ก" * 2001}, {("/reason", "too_long")}),
    ],
)
def test_a_decision_is_checked(standing_office: Office, body: Json, faults: set[tuple[str, str]]) -> None:
    """A topic of the nine, and a reason."""
    case = standing_office.standing_case
    assert faults == standing_office.faults("PUT", f"/cases/{case['id']}/routing", body)


def test_changed_rules_are_in_force_at_once(office: Office) -> None:
    """Saved as the next version, whose number the decisions keep."""
    changed = deepcopy(first := rules(office))["rules"]
    changed["topics"]["training"]["เรื่องที่คุยกันไว้"] = 5
    saved = office.ask("PUT", "/routing/rules", {"rules": changed, "note": "ลอง"}, role=HEAD, headers=FIRST)
    assert (0, 1, HEAD, '"1"') == (
        first["version"],
        (seen := saved.json())["version"],
        seen["saved_by"],
        saved.headers["etag"],
    )
    case = office.record(**UNCLEAR)
    assert ("academic", 1) == (case["work_group"], case["routing"]["rules_version"])
    assert rules(office)["rules"] == seen["rules"]


def test_broken_rules_are_refused(standing_office: Office) -> None:
    """With every fault; the present ones stay."""
    broken = deepcopy(rules(standing_office)["rules"])
    broken["topics"]["training"] = {"ก": 1, "อบรม": 99}
    broken["topics"]["cooking"] = {"ข้าว": 1}
    assert {
        ("/rules/topics/training/ก", "broken_rule"),
        ("/rules/topics/training/อบรม", "broken_rule"),
        ("/rules/topics/cooking", "broken_rule"),
    } <= standing_office.faults("PUT", "/routing/rules", {"rules": broken}, role=HEAD, headers=FIRST)
    for language, advice in (("th", "ไม่มีหัวข้อนี้ โปรดใช้รหัสหัวข้อ"), ("en", "There is no such topic: use one of")):
        headers = {"Accept-Language": language, **FIRST}
        refused = standing_office.ask("PUT", "/routing/rules", {"rules": broken}, role=HEAD, headers=headers)
        assert advice in refused.text
    assert 0 == rules(standing_office)["version"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ({"others": {"น้ำประปา": 1}}, ("/rules/others", "unknown_field")),
        ({"ignore": ["น้ำประปา"]}, ("/rules/ignore", "unknown_field")),
        ({"other": {"น้ำ\x00ประปา": 1}}, ("/rules/other/น้ำ\x00ประปา", "control_character")),
        ({"other": {"น้ำ\ud800ประปา": 1}}, ("/rules/other/น้ำ\ufffdประปา", "control_character")),
        ({"ignored": ["น้ำ\ud800ประปา"]}, ("/rules/ignored/0", "control_character")),
        ({"\ud800": []}, ("/rules/\ufffd", "unknown_field")),
    ],
)
def test_nothing_of_the_rules_is_lost_or_unstorable(
    standing_office: Office, broken: Json, fault: tuple[str, str]
) -> None:
    """A misspelt name and a control character are refused alike, whether the rules are saved or only tried."""
    sent = json.dumps({"rules": rules(standing_office)["rules"] | broken})
    headers = {
        "Authorization": f"Bearer {standing_office.token(HEAD)}",
        "Content-Type": "application/json",
        **FIRST,
    }
    for method, path in (("PUT", "/v1/routing/rules"), ("POST", "/v1/routing/rules/trial")):
        refused = standing_office.http.request(method, path, content=sent, headers=headers).json()
        assert [fault] == [(error["pointer"], error["code"]) for error in refused["errors"]]


def test_rules_are_not_overwritten_unseen(office: Office) -> None:
    """Who edited an old version is told so, and who does not say which one is asked."""
    body = {"rules": rules(office)["rules"]}
    assert (428, "version-required") == office.refused("PUT", "/routing/rules", body, role=HEAD)
    office.done("PUT", "/routing/rules", body, role=HEAD, headers=FIRST)
    assert (412, "version-mismatch") == office.refused("PUT", "/routing/rules", body, role=HEAD, headers=FIRST)
    officers = office.refused("PUT", "/routing/rules", body, role="group_officer.audit", headers=FIRST)
    assert (403, "not-allowed") == officers


def test_of_two_who_save_at_once_one_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not yet seen what the other saved changes nothing."""
    body = {"rules": rules(office)["rules"]}
    with office.app.state.sessions() as session:
        seen_before = routing_basis(session)
    office.done("PUT", "/routing/rules", body, role=HEAD, headers=FIRST)
    monkeypatch.setattr(actions, "routing_basis", lambda _: seen_before)
    assert (412, "version-mismatch") == office.refused("PUT", "/routing/rules", body, role=HEAD, headers=FIRST)


def test_earlier_rules_are_read_and_saved_anew(office: Office) -> None:
    """Each with who saved it and why, back to those that the Office begins with; going back is another version."""
    first = rules(office)["rules"]
    changed = deepcopy(first)
    changed["topics"]["training"]["เรื่องที่คุยกันไว้"] = 5
    for version, (sent, note) in enumerate([(changed, "ลอง"), (first, "กลับไปใช้ของเดิม")]):
        headers = {"If-Match": f'"{version}"'}
        office.done("PUT", "/routing/rules", {"rules": sent, "note": note}, role=HEAD, headers=headers)
    path = "/routing/rules/versions"
    page = office.done("GET", path, limit=2)
    rest = office.done("GET", path, limit=2, cursor=page["next"])
    assert [(2, HEAD, "กลับไปใช้ของเดิม"), (1, HEAD, "ลอง"), (0, None, None)] == [
        (it["version"], it["saved_by"], it["note"]) for it in page["items"] + rest["items"]
    ]
    assert rest["next"] is None
    assert [first, changed, first] == [office.done("GET", f"{path}/{version}")["rules"] for version in range(3)]
    assert rules(office) == office.done("GET", f"{path}/2")


@pytest.mark.parametrize("version", [-1, 1, 2**31, 10**12])
def test_no_rules_of_this_version(standing_office: Office, version: int) -> None:
    """404 for the officer, 403 for who does not read the rules in force."""
    path = f"/routing/rules/versions/{version}"
    assert (404, "rules-not-found") == standing_office.refused("GET", path)
    assert (403, "not-allowed") == standing_office.refused("GET", path, role="operator")


def test_a_trial_tells_what_would_change(office: Office) -> None:
    """Compared with what people confirmed; nothing is changed, and of other groups' cases only the number is told."""
    office.record()
    unclear = office.record(**UNCLEAR)
    office.done("PUT", f"/cases/{unclear['id']}/routing", {"topic": "training", "reason": "โทรถามแล้ว"})
    changed = rules(office)["rules"]
    changed["topics"]["training"]["เรื่องที่คุยกันไว้"] = 5
    trial = office.done("POST", "/routing/rules/trial", {"rules": changed}, role="group_head.academic")
    assert {
        "cases": 2,
        "changed": 1,
        "abstained_before": 1,
        "abstained_after": 0,
        "confirmed": 1,
        "right_before": 0,
        "right_after": 1,
        "changes": [{"case_number": unclear["case_number"], "before": None, "after": "training"}],
    } == trial
    seen_by_others = office.done("POST", "/routing/rules/trial", {"rules": changed}, role="group_head.audit")
    assert (1, []) == (seen_by_others["changed"], seen_by_others["changes"])
    assert 0 == rules(office)["version"]


def test_a_trial_tells_what_would_break(office: Office, centre: Centre) -> None:
    """What a group accepted was sent right, and what was returned as not ours should have waited in triage."""
    office.accept(office.record())
    not_ours = office.done("GET", "/cases", referral=str(centre.refer()))["items"][0]
    returned = {"reason": "not_ours"}
    office.done("POST", f"/cases/{not_ours['id']}/return", returned, role="group_officer.participation")
    office.record()  # nobody has said anything of it
    changed = rules(office)["rules"]
    changed["other"] |= changed["topics"]["transfers_and_changes"]
    changed["topics"]["transfers_and_changes"] = {"เรื่องที่คุยกันไว้": 5}
    trial = office.done("POST", "/routing/rules/trial", {"rules": changed}, role=HEAD)
    told = ("cases", "changed", "confirmed", "right_before", "right_after")
    assert (3, 3, 2, 1, 1) == tuple(trial[name] for name in told)
