"""What a person fills in to decide a case, step by step; nothing of it is lost on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recon_assets import writing
from recon_assets.errors import DeclarationError
from recon_assets.ledger import TrackedRecord
from recon_assets.model import CaseId, Decision, Project, Resolution, TableSpec, Value
from recon_assets.review.connections import paired
from recon_assets.review.deciding import check_note
from recon_assets.web.http.requests import MISNAMED, NAMELESS, Form, lines, number_in
from recon_assets.web.identity.auth import person
from recon_assets.web.words.labels import offered
from recon_assets.web.words.record_view import private

Problems = dict[str, str]
"""What is wrong, by the name of the field."""
Typed = Mapping[str, Mapping[str, str | None]]
"""By record and column: the text, or None for NULL."""
TEXT, NULL = "text", "null"


@dataclass(frozen=True)
class DecisionForm:
    """What is filled in.

    Attributes:
        every: Whether it is for all records of the case; else for ``rows``.
        version: The case that was looked at.
        form: All that was sent.
    """

    decision: Decision | None = None
    every: bool = True
    rows: tuple[str, ...] = ()
    note: str = ""
    version: int = 0
    form: Form = field(default_factory=lambda: Form([]))

    def kept(self) -> list[tuple[str, str]]:
        """The fields that the next step must carry, but for those that it has itself."""
        return [(name, value) for name, value in self.form.multi_items() if name != "do"]


def read(form: Form) -> DecisionForm:
    """What a form says."""
    said, rows = form.get("decision", ""), tuple(dict.fromkeys(form.getlist("row")))
    decision = Decision(said) if said in set(Decision) else None
    typed_for_some = decision is Decision.CUSTOM_FIX and bool(rows)  # the others of the case are nobody's to type
    return DecisionForm(
        decision,
        form.get("scope", "all") != "rows" and not typed_for_some,
        rows,
        form.get("note", "").strip(),
        number_in(form.get("version", "")) or 0,
        form,
    )


def assignee(form: Form) -> tuple[str, Problems]:
    """To whom cases are to be given, which may be nobody; and what is wrong with that."""
    given = form.get("assignee", "").strip()
    return given, {"assignee": MISNAMED} if given and not person(given) else {}


def why(note: str, *, needed: bool) -> Problems:
    """What is wrong with a reason."""
    if needed and not note:
        return {"note": "Say why, for whoever asks later."}
    return unkept("note", note)


def unkept(name: str, text: str) -> Problems:
    """Why the ledger does not keep what somebody said."""
    try:
        check_note(text)
    except DeclarationError as error:
        return {name: str(error)}
    return {}


def problems(chosen: DecisionForm, case: CaseId, who: str) -> Problems:
    """What is missing before it can be shown what it would do."""
    found: Problems = {}
    if chosen.decision not in offered(case):
        found["decision"] = "Choose what is to be done."
    found |= why(chosen.note, needed=chosen.decision in {Decision.KEEP_TARGET, Decision.CUSTOM_FIX})
    if not who:
        found["who"] = NAMELESS
    if not chosen.every and not chosen.rows:
        found["scope"] = "Tick the records it is for, or choose all."
    if chosen.every and chosen.rows:
        found["scope"] = "Some records are ticked, but all are chosen: choose the ticked ones, or untick them."
    return found


@dataclass(frozen=True)
class Input:
    """One value that can be typed.

    Attributes:
        column: The source's name.
        base: What the record has as long as nothing is typed.
        source, target: What both sides have.
        type: What the target's column holds, in words.
        nullable: Whether it holds NULL.
    """

    row: str
    column: str
    base: Value
    source: Value
    target: Value
    type: str
    nullable: bool = True

    @property
    def text_name(self) -> str:
        """The field's name."""
        return f"{TEXT}:{self.row}:{self.column}"

    @property
    def null_name(self) -> str:
        """The name of the tick that says NULL."""
        return f"{NULL}:{self.row}:{self.column}"

    def text(self, form: Form) -> str:
        """What stands in the field."""
        return form.get(self.text_name, "" if self.base is None else _text(self.base))

    def null(self, form: Form) -> bool:
        """Whether NULL is ticked."""
        return self.null_name in form if self.text_name in form else self.base is None

    def typed(self, form: Form) -> Value:
        """The value wanted; a text whose lines nobody touched stays as it was, however they end."""
        if self.null(form):
            return None
        text = lines(self.text(form))
        return self.base if self.base is not None and text == lines(_text(self.base)) else text

    def changed(self, form: Form) -> bool:
        """Whether another value is wanted than there is."""
        return self.typed(form) != self.base

    def problem(self, form: Form) -> str | None:
        """What cannot be told from what was filled in."""
        if self.null(form) and self.text(form) and self.base is None:
            return "NULL is ticked, and a text is typed: choose one."
        return None


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def inputs(
    spec: TableSpec, found: list[TrackedRecord], types: Mapping[str, tuple[str, bool]]
) -> dict[str, list[Input]]:
    """What can be typed, by record: the columns at fault; of a record that is missing, all. Never the key."""
    hidden = {name.casefold() for name in private(spec, ())}
    asked: dict[str, list[Input]] = {}
    for each in found:
        item = each.discrepancy
        source, target = item.source or {}, item.target or {}
        names = item.differing or tuple(source)
        base = source if item.target is None else target
        asked[each.id] = [
            Input(each.id, name, base.get(name), source.get(name), target.get(name), *types[name])
            for name in names
            if name in types and name not in spec.key and name.casefold() not in hidden
        ]
    return asked


def types(project: Project, spec: TableSpec) -> dict[str, tuple[str, bool]]:
    """What the target's columns hold and whether NULL is of it, by the source's names."""
    with paired(project, spec) as pair:
        return {
            each.source.name: (
                each.target.type.name + ("" if each.target.nullable else ", never NULL"),
                each.target.nullable,
            )
            for each in pair.columns
        }


def misfits(project: Project, spec: TableSpec, asked: dict[str, list[Input]], filled: DecisionForm) -> Problems:
    """What is wrong with the values typed, by the field; of records that nobody ticked, some may stay as they are."""
    form = filled.form
    found: Problems = {}
    for row, each in asked.items():
        found.update({one.text_name: said for one in each if (said := one.problem(form))})
        if not filled.every and not any(one.changed(form) for one in each):
            found[row] = "Nothing of this record was changed: type what it is to have, or untick it."
    if filled.every and not any(one.changed(form) for each in asked.values() for one in each):
        found["typed"] = "Nothing was changed: type what a record is to have."
    with paired(project, spec) as pair:
        for one in (one for each in asked.values() for one in each if one.changed(form)):
            try:
                value = one.typed(form)
                writing.typed(pair, one.column, None if value is None else _text(value))
            except DeclarationError as error:
                found.setdefault(one.text_name, str(error))
    return found


def resolution(filled: DecisionForm, asked: dict[str, list[Input]]) -> Resolution:
    """The decision that is filled in."""
    values = {
        row: {one.column: one.typed(filled.form) for one in each if one.changed(filled.form)}
        for row, each in asked.items()
        if any(one.changed(filled.form) for one in each)
    }
    rows = () if filled.every else filled.rows
    return Resolution(Decision(filled.form["decision"]), tuple(values) or rows, values)
