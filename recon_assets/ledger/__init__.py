"""The only memory: what was found, decided and changed, append-only, in a PostgreSQL schema of its own.

Every function takes the connection of a `Ledger.begin` first, so that who calls several makes one transaction of them.
"""

from recon_assets.ledger.accepted import (
    StandingDecision as StandingDecision,
    accept as accept,
    acceptances as acceptances,
    has_acceptances as has_acceptances,
    standing_decisions as standing_decisions,
    withdraw as withdraw,
)
from recon_assets.ledger.case_queue import (
    Counts as Counts,
    Cursor as Cursor,
    Filter as Filter,
    cases_in_state as cases_in_state,
    cases_to_show as cases_to_show,
    cases_to_undo as cases_to_undo,
    counts as counts,
    queue as queue,
)
from recon_assets.ledger.cases import (
    Entry as Entry,
    append as append,
    append_all as append_all,
    apply_event as apply_event,
    begin_correction as begin_correction,
    cases_closed_before as cases_closed_before,
    end_correction as end_correction,
    events as events,
    events_of as events_of,
    find_case as find_case,
    find_cases as find_cases,
    lock_cases_of as lock_cases_of,
    note_pruned as note_pruned,
    note_shown as note_shown,
    note_unshown as note_unshown,
)
from recon_assets.ledger.changes import (
    Correction as Correction,
    changes_of as changes_of,
    corrections as corrections,
    plan as plan,
    settle as settle,
)
from recon_assets.ledger.findings import (
    StoredFinding as StoredFinding,
    claim_unrouted as claim_unrouted,
    latest_findings as latest_findings,
    latest_of_windows as latest_of_windows,
    record_findings as record_findings,
    stored_findings as stored_findings,
)
from recon_assets.ledger.named_records import (
    CaseRecord as CaseRecord,
    CaseRecords as CaseRecords,
    NamedRecords as NamedRecords,
    TrackedRecord as TrackedRecord,
    case_records as case_records,
    cases_of_keys as cases_of_keys,
    named_records as named_records,
    tracked_records as tracked_records,
)
from recon_assets.ledger.opening import Ledger as Ledger, is_begun as is_begun, opened as opened, upgrade as upgrade
from recon_assets.ledger.outcomes import (
    Group as Group,
    open_cases as open_cases,
    window_groups as window_groups,
    wrong_windows as wrong_windows,
)
from recon_assets.ledger.pruning import prune as prune, prune_all as prune_all
from recon_assets.ledger.stored_backups import (
    Backup as Backup,
    BackupSink as BackupSink,
    Restoration as Restoration,
    backup_parts as backup_parts,
    backups as backups,
    note_restored as note_restored,
    restorations as restorations,
)
from recon_assets.ledger.values import resolution_json as resolution_json, resolution_of as resolution_of
from recon_assets.ledger.windows import (
    asked_windows as asked_windows,
    causes as causes,
    changed_windows as changed_windows,
    draw_numbers as draw_numbers,
    note_all_changed as note_all_changed,
    note_changed as note_changed,
    note_unexplained as note_unexplained,
    unexplained_windows as unexplained_windows,
    windows_of_open_cases as windows_of_open_cases,
)
