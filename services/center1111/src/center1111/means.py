"""By which means a complainant is best told of an answer: as they came to us, if what they left with us allows it."""

from collections.abc import Collection, Mapping
from typing import Final

from center1111.codes import Means
from schemas import Channel

_PREFERRED: Final[Mapping[Channel, tuple[Means, ...]]] = {
    Channel.LETTER: (Means.LETTER, Means.EMAIL, Means.TELEPHONE),
    Channel.HOTLINE: (Means.TELEPHONE, Means.LETTER, Means.EMAIL),
    Channel.WALK_IN: (Means.LETTER, Means.EMAIL, Means.TELEPHONE, Means.COUNTER),
    Channel.WEBSITE: (Means.EMAIL,),
}


def means_for(channel: Channel, reached_by: Collection[Means]) -> Means:
    """The means that suits a complaint of this channel; `online` where nothing better reaches the complainant.

    Args:
        channel: by which the complaint came in.
        reached_by: what the complainant left with us allows: a letter needs an address, and so on.
    """
    return next((means for means in _PREFERRED[channel] if means in reached_by), Means.ONLINE)
