"""What people may do once they have come in: see counts, see values, decide, run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_assets.errors import DeclarationError

ANYBODY = "*"
VARIABLE = "RECON_WEB_ROLES"


class Right(StrEnum):
    """What a role may be made of; to decide or to run, one must see what about."""

    COUNTS = "counts"
    VALUES = "values"
    DECIDE = "decide"
    RUN = "run"


ALL = frozenset(Right)
_WITH: Mapping[Right, frozenset[Right]] = {
    Right.COUNTS: frozenset({Right.COUNTS}),
    Right.VALUES: frozenset({Right.COUNTS, Right.VALUES}),
    Right.DECIDE: frozenset({Right.COUNTS, Right.VALUES, Right.DECIDE}),
    Right.RUN: frozenset({Right.COUNTS, Right.VALUES, Right.RUN}),
}


@dataclass(frozen=True)
class Roles:
    """Who may do what, by name; `*` is anybody else who has come in. Without any, all may do all."""

    given: Mapping[str, frozenset[Right]] | None = None

    def of(self, who: str) -> frozenset[Right]:
        """What a person may do; where there are roles, who has none sees counts."""
        if self.given is None:
            return ALL
        return self.given.get(who, self.given.get(ANYBODY, _WITH[Right.COUNTS]))


def roles(text: str, known: Collection[str] = ()) -> Roles:
    """The roles that ``ana:decide+run,*:values`` gives.

    Args:
        text: What RECON_WEB_ROLES holds; empty where there are no roles.
        known: Whose names there are; none where a proxy knows them.

    Raises:
        DeclarationError: When a part is not of that form, or names nobody.
    """
    found = dict[str, frozenset[Right]]()
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, role = (word.strip() for word in part.partition(":"))
        try:
            rights = frozenset().union(*(_WITH[Right(word.strip())] for word in role.split("+")))
        except ValueError:
            rights = frozenset()
        if not name or not rights or name in found:
            msg = (
                f"{VARIABLE}: {part!r} is not name:role, or repeats a name; a role is one of {', '.join(Right)}, or"
                f" several joined by +: ana:decide+run,ben:values,{ANYBODY}:counts"
            )
            raise DeclarationError(msg)
        if known and name not in {*known, ANYBODY}:
            msg = f"{VARIABLE}: RECON_WEB_USERS has no {name!r}; expected one of {', '.join(sorted(known))}."
            raise DeclarationError(msg)
        found[name] = rights
    return Roles(found if text.strip() else None)
