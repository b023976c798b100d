"""Who may approve an answer, and whose words it then is."""


class OwnDraft(Exception):
    """The draft is the approver's own."""


class DraftMissing(Exception):
    """There is nothing to approve."""


def drafter_of(*, drafted_by: str | None, approver: str, draft_required: bool) -> str:
    """Who is to be named as the drafter of an answer that `approver` gives.

    Two people stand behind every drafted answer. Without a draft the head answers under their own name, unless the
    settings require a draft.

    Raises:
        OwnDraft: the draft is the approver's own.
        DraftMissing: there is no draft, and one is required.
    """
    if drafted_by is None:
        if draft_required:
            raise DraftMissing
        return approver
    if drafted_by == approver:
        raise OwnDraft
    return drafted_by
