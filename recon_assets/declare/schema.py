"""The keys of the YAML file: what each may hold and what it means.

A field's description is its documentation and the hint of its errors. Each model becomes one of the
nouns of `recon_assets.model`; what needs more than one table to judge is in `rules`.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from recon_assets import model
from recon_assets.declare.kinds import Check
from recon_assets.declare.scalars import (
    Amount,
    Day,
    Declared,
    Duration,
    Name,
    Names,
    OneOrMany,
    Owner,
    Share,
    Some,
    Sql,
    Table_,
    Text,
    Zone,
    refuse,
)
from recon_assets.errors import DeclarationError


def _window(value: Any) -> Any:
    if value is None:
        refuse("is empty", "Write `{column, start}`, or `none` for a table without days.")
    return None if value == "none" else value


def _url_form(value: Any) -> str:
    return "text" if isinstance(value, str) else "env"


class Env(Declared):
    """A value that stands in the environment, so that no file holds a password."""

    env: Text = Field(description="The name of the environment variable that holds the URL.")


Url = Annotated[Annotated[Text, Tag("text")] | Annotated[Env, Tag("env")], Discriminator(_url_form)]


class Database(Declared):
    """One database, by name."""

    url: Url | None = Field(None, description="Write `{env: NAME}`, or a URL without a password.")
    resource: Text | None = Field(
        None, description="The key of a Dagster resource that knows the URL in runs; `url` is what is used elsewhere."
    )
    dialect: Literal["postgresql", "mysql", "mariadb", "duckdb", "sqlite"] | None = Field(
        None, description="What the `resource` is, which only runs could ask it."
    )
    statement_timeout: Duration = Field(
        timedelta(minutes=10), description="How long one statement may run before the database gives it up, as `10m`."
    )
    connections: int = Field(4, ge=1, le=100, description="How many connections may be open at once, 1 to 100.")

    @model_validator(mode="after")
    def _is_somewhere(self) -> "Database":
        if not self.url and not self.resource:
            refuse("neither `url` nor `resource` is given", "Write `url: {env: NAME}`.")
        if bool(self.resource) != bool(self.dialect):
            refuse("`resource` and `dialect` need each other", "Write `{resource: KEY, dialect: postgresql}`.")
        return self

    def database(self, name: str, url: str) -> model.Database:
        """The database as the program knows it, at this URL; "" where only a resource says where it is."""
        return model.Database(
            name, url, self.statement_timeout, self.connections, self.resource or "", self.dialect or ""
        )


class Source(Declared):
    """Where rows come from: a table or a query of one database."""

    database: Text = Field(description="The name of a database declared under `databases`.")
    table: Table_ | None = Field(None, description="The table, as `schema.table`.")
    query: Sql | None = Field(None, description="An SQL query instead of a table.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Source":
        if (self.table is None) == (self.query is None):
            said = (
                "neither `table` nor `query` is given" if self.table is None else "both `table` and `query` are given"
            )
            refuse(said, "Give one of the two.")
        return self

    def relation(self) -> model.Relation:
        """The relation as the program knows it."""
        return model.Relation(self.database, self.table, self.query)


class Target(Declared):
    """Where rows go."""

    database: Text = Field(description="The name of a database declared under `databases`.")
    table: Table_ = Field(description="The table, as `schema.table`.")

    def relation(self) -> model.Relation:
        """The relation as the program knows it."""
        return model.Relation(self.database, self.table)


class Window(Declared):
    """How rows fall into windows: days, or hours, weeks or months."""

    column: Text = Field(description="The date or timestamp column that says which window a row belongs to.")
    start: Day = Field(description="The first day, as YYYY-MM-DD.")
    end: Day | None = Field(None, description="The day after the last one, as YYYY-MM-DD; without it, days go on.")
    unit: model.Unit = Field(
        model.Unit.DAY, description="`day`, `hour`, `week` (beginning at the weekday of `start`) or `month`."
    )
    timezone: Zone = Field("UTC", description="The time zone whose midnights divide the days.")
    stored_in: Zone = Field("UTC", description="The time zone in which timestamps without zone are stored.")

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start")
        if end and start and end <= start:
            hint = "`end` is the day after the last one: write a later day, or remove it."
            refuse(f"{end} is not after start {start}, so that there would be no day", hint)
        return end

    @model_validator(mode="after")
    def _has_windows(self) -> "Window":
        try:
            self.calendar()
        except DeclarationError as error:
            said, _, hint = str(error).partition("; ")
            refuse(said, f"{hint[:1].upper()}{hint[1:]}.")
        return self

    def calendar(self) -> model.Calendar:
        """The windows as the program knows them."""
        return model.Calendar(self.column, self.start, self.end, self.timezone, self.stored_in, self.unit)


class Rule(Declared):
    """When two values of a column are equal, though they differ."""

    abs: Amount | None = Field(None, description="Numbers so far apart are equal, as `0.01`.")
    rel: Share | None = Field(None, description="Numbers apart by such a share are equal, as `1%`.")
    of: Literal["source", "target", "larger"] | None = Field(
        None, description="Of which value `rel` is a share: `source` (default), `target` or the `larger`."
    )
    scale: int | None = Field(
        None, ge=0, le=38, description="Numbers are first rounded to so many digits after the point, 0 to 38."
    )
    precision: int | None = Field(
        None, ge=0, le=6, description="Times are first brought to so many digits after the second, 0 to 6."
    )
    rounding: Literal["half_up", "truncate"] | None = Field(
        None, description="How `scale` and `precision` do that: `half_up` (default) or `truncate`."
    )
    strip: bool = Field(default=False, description="`true`: white space around a text is no data.")
    rstrip: bool = Field(default=False, description="`true`: white space after a text is no data.")
    ignore_case: bool = Field(default=False, description="`true`: case is no data.")
    unicode: Literal["NFC"] | None = Field(None, description="`NFC`: texts are first brought to this normal form.")
    read_as: Literal["uuid", "json", "float32", "boolean", "timestamp", "number"] | None = Field(
        None, alias="as", description="What the values are read as, whatever type holds them."
    )

    @model_validator(mode="after")
    def _has_effect(self) -> "Rule":
        if self.of and self.rel is None:
            refuse("`of` has no effect without `rel`", "Add `rel`, or remove `of`.")
        if self.rounding and self.scale is None and self.precision is None:
            refuse("`rounding` has no effect without `scale` or `precision`", "Add one of them, or remove it.")
        if not self.model_fields_set:
            refuse("is empty", "Write at least one rule, such as `{abs: 0.01}`.")
        return self

    def rule(self) -> model.Rule:
        """The rule as the program knows it."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return model.Rule(**{name: value for name, value in given.items() if value is not None})


class Columns(Declared):
    """How the columns of both sides meet: by name and exactly, but for what stands here."""

    ignore: Some = Field((), description="Columns of either side that are neither loaded nor compared.")
    rename: dict[Text, Text] = Field({}, description="`source_name: target_name` for columns whose names differ.")
    cast: dict[Text, Text] = Field(
        {}, description="`column: type` casts a source column to a type of the source's dialect."
    )
    rules: dict[Text, Rule] = Field({}, description="`column: {abs: 0.01}` says when two values are equal.")
    private: Some = Field((), description="Columns whose values no report may show.")


_TREATED = "`apply`: corrected by itself, within the limits; `review`: waits for a person; `ignore`: no case."
_REVIEWED = "`review`: waits for a person; `ignore`: no case."


class Correct(Declared):
    """What becomes of wrong records without anybody being asked."""

    missing: model.AutoAction = Field(model.AutoAction.REVIEW, description=_TREATED)
    mismatched: model.AutoAction = Field(model.AutoAction.REVIEW, description=_TREATED)
    extra: model.AutoAction = Field(model.AutoAction.REVIEW, description=_TREATED)
    orphan: model.AutoAction = Field(model.AutoAction.REVIEW, description=_TREATED)
    disordered: model.AutoAction = Field(model.AutoAction.REVIEW, description=_REVIEWED)
    figures: model.AutoAction = Field(model.AutoAction.REVIEW, description=_REVIEWED)
    at_most: int = Field(1000, ge=1, description="How many records of one case may be corrected by themselves.")
    at_most_share: Share = Field(
        Decimal("0.1"), description="Which share of a day's records may be corrected by itself, as `10%`."
    )
    ignore_below: model.Severity = Field(
        model.Severity.LOW, description="Findings that are less severe open no case: `low`, `medium` or `high`."
    )

    def policy(self) -> model.Policy:
        """The policy as the program knows it."""
        return model.Policy(**{name: getattr(self, name) for name in type(self).model_fields})


class Checking(Declared):
    """What holds for all checks of a table."""

    strict: bool = Field(
        default=False,
        description="`true`: what was not compared is a failure.",
    )


class Table(Declared):
    """One table that is kept equal to its source."""

    source: Source = Field(description="Write `{database: NAME, table: schema.table}`.")
    target: Target = Field(description="Write `{database: NAME, table: schema.table}`.")
    key: Names = Field(description="The columns that identify one row, as `[id]`.")
    window: Annotated[Window | None, BeforeValidator(_window, json_schema_input_type=Window | Literal["none"])] = Field(
        description="Write `{column, start}` to divide the rows into days, or `none`."
    )
    columns: Columns = Field(Columns(), description="Write `{ignore, rename, cast, rules, private}`.")
    where: Sql | None = Field(None, description="SQL that both sides understand; other rows are left alone.")
    updated_at: Text | None = Field(None, description="The column that says when a row was last changed.")
    grace_period: Duration | None = Field(
        None, description="Rows younger than this may still be on their way; needs `updated_at`."
    )
    checks: tuple[Check, ...] = Field((), description="A list of checks.")
    check: Checking = Field(Checking(), description="Write `{strict: true}`, or remove it.")
    correct: Correct = Field(Correct(), description="Write `{missing: apply}`, or remove it: all waits for a person.")
    group: Name = Field("default", description="Letters, digits and _.")
    owners: Annotated[tuple[Owner, ...], OneOrMany] = Field((), description="E-mail addresses or `team:name`.")
    description: str = Field("", description="What the table holds, for people.")

    def spec(self, name: str) -> model.TableSpec:
        """The table as the program knows it."""
        return model.TableSpec(
            name=name,
            source=self.source.relation(),
            target=self.target.relation(),
            key=self.key,
            calendar=self.window.calendar() if self.window else None,
            ignore=self.columns.ignore,
            rename=self.columns.rename,
            cast=self.columns.cast,
            where=self.where,
            rules={column: rule.rule() for column, rule in self.columns.rules.items()},
            updated_at=self.updated_at,
            grace_period=self.grace_period,
            private=self.columns.private,
            checks=tuple(check.check(self) for check in self.checks),
            strict=self.check.strict,
            correct=self.correct.policy(),
            group=self.group,
            owners=self.owners,
            description=self.description,
        )
