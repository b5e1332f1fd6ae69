"""The nouns: frozen values that everything else speaks in. Standard library only."""

from recon_assets.model.agreement import (
    Agreement as Agreement,
    Verdict as Verdict,
    verdict as verdict,
)
from recon_assets.model.calendars import ALL as ALL, Calendar as Calendar, Unit as Unit, Window as Window
from recon_assets.model.case_states import (
    TRANSITIONS as TRANSITIONS,
    CaseEventType as CaseEventType,
    State as State,
    Transition as Transition,
    may_follow as may_follow,
)
from recon_assets.model.cases import (
    AutoAction as AutoAction,
    Case as Case,
    CaseId as CaseId,
    Decision as Decision,
    Event as Event,
    Policy as Policy,
    Resolution as Resolution,
    keepable as keepable,
    outdated as outdated,
)
from recon_assets.model.changes import (
    Action as Action,
    Change as Change,
    Changes as Changes,
    ChangeStatus as ChangeStatus,
    Image as Image,
    Shape as Shape,
)
from recon_assets.model.discrepancies import (
    COMPARED_KINDS as COMPARED_KINDS,
    Comparison as Comparison,
    Counts as Counts,
    Discrepancies as Discrepancies,
    Discrepancy as Discrepancy,
    DiscrepancyKind as DiscrepancyKind,
    NotCompared as NotCompared,
    RecordShape as RecordShape,
    Rule as Rule,
    Value as Value,
)
from recon_assets.model.durations import (
    DURATION as DURATION,
    LONGEST_DURATION as LONGEST_DURATION,
    duration_of as duration_of,
)
from recon_assets.model.findings import (
    EXACT as EXACT,
    GRADED as GRADED,
    Check as Check,
    Details as Details,
    Disorder as Disorder,
    Evidence as Evidence,
    Fact as Fact,
    FaultyRows as FaultyRows,
    Figure as Figure,
    Finding as Finding,
    Grading as Grading,
    Group as Group,
    GroupCounts as GroupCounts,
    Groups as Groups,
    Measure as Measure,
    Need as Need,
    NotGatheredError as NotGatheredError,
    Orphans as Orphans,
    Outcome as Outcome,
    Records as Records,
    Results as Results,
    Severity as Severity,
    SidePair as SidePair,
    TableSchemas as TableSchemas,
    Tolerance as Tolerance,
    Undated as Undated,
    as_decimal as as_decimal,
)
from recon_assets.model.privacy import (
    MASK as MASK,
    masked as masked,
    masked_details as masked_details,
    masked_key as masked_key,
)
from recon_assets.model.tables import (
    DEFAULT_PROJECT as DEFAULT_PROJECT,
    Database as Database,
    Loaded as Loaded,
    Mode as Mode,
    Project as Project,
    Relation as Relation,
    TableSpec as TableSpec,
)
from recon_assets.model.types import Column as Column, Kind as Kind, Type as Type
from recon_assets.model.wording import (
    place as place,
    plural as plural,
    rows_of_sides as rows_of_sides,
    value_text as value_text,
)
from recon_assets.model.written_sql import broken_out as broken_out
