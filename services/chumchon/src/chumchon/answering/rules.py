"""Who may approve an answer, and whose words it then is."""


class OwnDraft(Exception):
    """The draft is the approver's own."""


class DraftMissing(Exception):
    """There is nothing to approve."""


class DraftRewritten(Exception):
    """The words are the approver's, and nobody else has approved them."""


def drafter_of(*, drafted_by: str | None, approver: str, draft_required: bool, rewritten: bool = False) -> str:
    """Who is to be named as the drafter of an answer that `approver` gives.

    Two people stand behind every answer: one wrote its words, another approves them as they are. Where settings do not
    require a draft, the head may answer without one, under their own name, and change the words of one (`rewritten`).

    Raises:
        OwnDraft: the draft is the approver's own.
        DraftMissing: there is no draft, and one is required.
        DraftRewritten: the words are not the draft's, and one is required.
    """
    if drafted_by is None:
        if draft_required:
            raise DraftMissing
        return approver
    if drafted_by == approver:
        raise OwnDraft
    if rewritten and draft_required:
        raise DraftRewritten
    return drafted_by
