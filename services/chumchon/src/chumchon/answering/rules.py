"""Who may approve an answer, and whose words it then is."""


class OwnDraft(Exception):
    """The draft is the approver's own."""


class DraftMissing(Exception):
    """There is nothing to approve."""


class DraftRewritten(Exception):
    """The words or files are the approver's, and nobody else has seen them."""


def drafter_of(*, drafted_by: str | None, approver: str, draft_required: bool, rewritten: bool = False) -> str:
    """Who is to be named as the drafter of an answer that `approver` gives.

    Nobody approves a draft of their own. Where settings require a draft, two people stand behind every answer: one
    wrote its words and chose its files, another approves them as they are. Where they do not, the head may answer
    without a draft, or otherwise than the draft (`rewritten`): the answer is then kept under the head's name alone.

    Raises:
        OwnDraft: the draft is the approver's own.
        DraftMissing: there is no draft, and one is required.
        DraftRewritten: words or files are not the draft's, and one is required.
    """
    if drafted_by is None:
        if draft_required:
            raise DraftMissing
        return approver
    if drafted_by == approver:
        raise OwnDraft
    if not rewritten:
        return drafted_by
    if draft_required:
        raise DraftRewritten
    return approver
