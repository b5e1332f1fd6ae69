"""Who is logged in."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LASTS = timedelta(hours=12)


@dataclass
class Sessions:
    """People by the random text that their browser keeps; in the memory of this process and nowhere else.

    So a session that was ended, or whose time is over, lets nobody in who kept its cookie, and a restart of the server,
    which a changed password or role needs anyway, ends all of them.
    """

    _known: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def begin(self, who: str, now: datetime) -> str:
        """The text for the browser of somebody who has just logged in."""
        for text, (_, until) in list(self._known.items()):
            if until <= now:
                self.end(text)
        text = secrets.token_urlsafe(32)
        self._known[text] = who, now + LASTS
        return text

    def who(self, text: str, now: datetime) -> str:
        """Whose session it is; empty when it is nobody's any more."""
        who, until = self._known.get(text, ("", now))
        return who if until > now else ""

    def end(self, text: str) -> None:
        """Let nobody in by it any more."""
        self._known.pop(text, None)
