"""The only memory: what was found, decided and changed, append-only, in a PostgreSQL schema of its own.

Every function takes the connection of a `Ledger.begin` first, so that who calls several makes one transaction of them.
"""

from recon_assets.ledger.accepted import Decided, accept, accepted, decided, withdraw
from recon_assets.ledger.backups import Backup, Keeper, backups, parts, restored
from recon_assets.ledger.cases import (
    Counts,
    Cursor,
    Filter,
    Page,
    append,
    closed_before,
    counts,
    events,
    find,
    in_state,
    pruned,
    queue,
    shown,
    stands,
    to_show,
    undos,
)
from recon_assets.ledger.changes import Correction, changes_of, corrections, plan, settle
from recon_assets.ledger.findings import (
    Named,
    Recorded,
    Said,
    fresh,
    history,
    latest,
    named,
    record,
    records,
    said,
)
from recon_assets.ledger.opening import Ledger, opened, upgrade
from recon_assets.ledger.pruning import prune
from recon_assets.ledger.values import chosen_json, chosen_of
from recon_assets.ledger.windows import asked, causes, changed, numbers, to_check, unexplained

__all__ = [
    "Backup",
    "Correction",
    "Counts",
    "Cursor",
    "Decided",
    "Filter",
    "Keeper",
    "Ledger",
    "Named",
    "Page",
    "Recorded",
    "Said",
    "accept",
    "accepted",
    "append",
    "asked",
    "backups",
    "causes",
    "changed",
    "changes_of",
    "chosen_json",
    "chosen_of",
    "closed_before",
    "corrections",
    "counts",
    "decided",
    "events",
    "find",
    "fresh",
    "history",
    "in_state",
    "latest",
    "named",
    "numbers",
    "opened",
    "parts",
    "plan",
    "prune",
    "pruned",
    "queue",
    "record",
    "records",
    "restored",
    "said",
    "settle",
    "shown",
    "stands",
    "to_check",
    "to_show",
    "undos",
    "unexplained",
    "upgrade",
    "withdraw",
]
