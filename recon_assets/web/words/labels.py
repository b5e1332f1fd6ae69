"""How pages say things: values, ages, counts, kinds and decisions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from markupsafe import Markup

from recon_assets.model import CaseEventType, CaseId, Decision, DiscrepancyKind, Event, State, Value, plural, value_text

_LONGEST = 400
_SPANS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))

APPLIED: Mapping[str, str] = MappingProxyType(
    {
        DiscrepancyKind.MISSING: "Insert the source's records.",
        DiscrepancyKind.EXTRA: "Delete these records: the source does not have them.",
        DiscrepancyKind.MISMATCHED: "Write the source's values into the columns that differ.",
        DiscrepancyKind.ORPHAN: "Insert the missing parent records, if the source has them.",
    }
)
STATES: Mapping[State, str] = MappingProxyType(
    {
        State.PENDING: "waits for a decision",
        State.DECIDED: "a run will do it",
        State.APPLYING: "being written",
        State.APPLIED: "written to the target",
        State.ACCEPTED: "accepted as it is",
        State.RESOLVED: "agrees again by itself",
        State.ROLLED_BACK: "written, then undone",
    }
)


ACTS: Mapping[CaseEventType, str] = MappingProxyType(
    {
        CaseEventType.FOUND: "found it",
        CaseEventType.DECIDED: "decided",
        CaseEventType.APPLYING: "began to write",
        CaseEventType.APPLIED: "wrote it",
        CaseEventType.FAILED: "could not do it, and gave it back",
        CaseEventType.ACCEPTED: "accepted it as it is",
        CaseEventType.RESOLVED: "found that it agrees again",
        CaseEventType.ROLLED_BACK: "undid what was written",
        CaseEventType.REOPENED: "accepts it no more",
        CaseEventType.COMMENTED: "said",
        CaseEventType.ASSIGNED: "assigned it to",
        CaseEventType.ASKED: "asked to compare again",
        CaseEventType.UNDO: "asked to undo it",
        CaseEventType.REFUSED: "could not undo it",
        CaseEventType.ACCEPTANCE_REVOKED: "accepts no more what was kept",
    }
)


def told(event: Event) -> str:
    """What somebody did, after their name."""
    said, data = ACTS[event.act], event.data
    if event.act is CaseEventType.ASSIGNED:
        return f"{said} {data['assignee']}" if data.get("assignee") else "assigned it to nobody"
    if event.act is CaseEventType.DECIDED:
        rows = data.get("rows") or ()
        return f"{said} {data.get('decision', '')} for {plural(len(rows), 'record') if rows else 'all of it'}"
    return said


def offered(case: CaseId) -> tuple[Decision, ...]:
    """What can be decided of a case."""
    if case.of_records is None:
        return (Decision.KEEP_TARGET,)
    source = (Decision.APPLY_SOURCE,) if case.kind in APPLIED else ()
    custom = (Decision.CUSTOM_FIX,) if case.of_records is not DiscrepancyKind.EXTRA else ()
    return (*source, Decision.KEEP_TARGET, *custom)


def consequence(case: CaseId, decision: Decision) -> str:
    """What becomes of the case when that is decided."""
    if decision is Decision.APPLY_SOURCE:
        return APPLIED.get(case.kind, "")
    if decision is Decision.CUSTOM_FIX:
        return "Type the values that records are to have: the ticked ones, or any of these."
    return "Nothing is written. The difference is accepted, and comes back only when its values change."


def title(case: CaseId) -> str:
    """A case in words, as headings have it."""
    what = f"records {case.of_records.words}" if case.of_records else f"the check {case.kind} fails"
    return f"{case.where}: {what}"


def ago(then: datetime, now: datetime) -> str:
    """How long it is since then."""
    past = now - then
    for span, name in _SPANS:
        if past >= span:
            return plural(past // span, name)
    return "moments"


def moment(then: datetime) -> Markup:
    """A time that people and programs can read."""
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(then.isoformat(timespec="seconds"), then)


def shown(value: Value) -> Markup | str:
    """A value that cannot be taken for another: NULL and the empty text stand out from texts of these words."""
    if value is None or value == "":
        return Markup("<i>{}</i>").format(value_text(value))
    return shortened(value)


def shortened(value: Value) -> str:
    """A value in a line of text, with nothing in it that cannot be seen."""
    text = value_text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
