"""The only memory: what was found, decided and changed, append-only, in a PostgreSQL schema of its own.

Every function takes the connection of a `Ledger.begin` first, so that who calls several makes one transaction of them.
"""

from recon_assets.ledger.accepted import StandingDecision, accept, acceptances, standing_decisions, has_acceptances, withdraw
from recon_assets.ledger.cases import (
    Counts,
    Cursor,
    Filter,
    append,
    cases_closed_before,
    counts,
    events,
    find_case,
    cases_in_state,
    note_pruned,
    queue,
    note_shown,
    apply_event,
    cases_to_show,
    cases_to_undo,
)
from recon_assets.ledger.changes import Correction, changes_of, corrections, plan, settle
from recon_assets.ledger.findings import (
    CaseRecord,
    TrackedRecord,
    StoredFinding,
    claim_unrouted,
    cases_of_key,
    latest_findings,
    case_records,
    record_findings,
    tracked_records,
    stored_findings,
)
from recon_assets.ledger.opening import Ledger, opened, upgrade
from recon_assets.ledger.pruning import prune
from recon_assets.ledger.stored_backups import Backup, BackupSink, backups, backup_parts, note_restored
from recon_assets.ledger.values import resolution_json, resolution_of
from recon_assets.ledger.windows import asked_windows, causes, note_changed, in_flight_windows, note_in_flight, draw_numbers, changed_windows, unexplained_windows

__all__ = [
    "Backup",
    "BackupSink",
    "Correction",
    "Counts",
    "Cursor",
    "StandingDecision",
    "Filter",
    "Ledger",
    "CaseRecord",
    "TrackedRecord",
    "StoredFinding",
    "accept",
    "acceptances",
    "append",
    "asked_windows",
    "backups",
    "causes",
    "note_changed",
    "changes_of",
    "resolution_json",
    "resolution_of",
    "cases_closed_before",
    "corrections",
    "counts",
    "standing_decisions",
    "events",
    "find_case",
    "claim_unrouted",
    "cases_of_key",
    "in_flight_windows",
    "cases_in_state",
    "has_acceptances",
    "latest_findings",
    "note_in_flight",
    "case_records",
    "draw_numbers",
    "opened",
    "backup_parts",
    "plan",
    "prune",
    "note_pruned",
    "queue",
    "record_findings",
    "tracked_records",
    "note_restored",
    "stored_findings",
    "settle",
    "note_shown",
    "apply_event",
    "changed_windows",
    "cases_to_show",
    "cases_to_undo",
    "unexplained_windows",
    "upgrade",
    "withdraw",
]
