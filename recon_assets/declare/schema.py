"""The keys of the YAML file: what each may hold and what it means.

A field's description is its documentation and the hint of its errors. Each model becomes one of the
nouns of `recon_assets.model`; what needs more than one table to judge is in `rules`.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal, LiteralString, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from recon_assets import model
from recon_assets.checks import references as checks
from recon_assets.declare.problems import hidden, nearest

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = r'(?:[^\s."`\[\];]+|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"(?:{_PART}\.)?{_PART}")
_OWNER = re.compile(r"team:[A-Za-z0-9_]+|[^@\s]+@[^@\s]+\.[^@\s]+")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONGEST_SHOWN = 60


def refuse(message: str, hint: str) -> NoReturn:
    """Raises an error whose words stay as they are: pydantic would put its own around a ValueError's."""
    kind: LiteralString = "mend"
    raise PydanticCustomError(kind, "{said}", {"said": message, "hint": hint}) from None


def found(value: Any) -> str:
    """What stands there, in words; never a password."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = hidden(str(value))
    return "nothing" if value is None else f"`{text[:_LONGEST_SHOWN]}{'...' if len(text) > _LONGEST_SHOWN else ''}`"


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        refuse(f"`{twice[0]}` is named twice", "Name each column once.")
    return names


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text):
        refuse(
            f"{found(text)} is no table name",
            "Write `table` or `schema.table`; put double quotes around a part with dots or spaces: '\"my.schema\".t'.",
        )
    return text


def _sql(text: str) -> str:
    if text.rstrip().endswith(";"):
        refuse("SQL ends in a semicolon", "Remove it: the SQL becomes a part of a larger statement.")
    if not text.strip():
        refuse("SQL is empty", "Write it, or remove the key.")
    return text.strip()


def _owner(text: str) -> str:
    if not _OWNER.fullmatch(text):
        refuse(f"{found(text)} is no owner", "Write an e-mail address or `team:name`.")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(f"unknown time zone {found(text)}", _nearest_zone(text))
    return text


def _nearest_zone(text: str) -> str:
    hint = nearest(text, available_timezones())
    return hint if hint.startswith("Did") else "Write a name such as `UTC` or `America/New_York`."


def _day(value: Any) -> Any:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            refuse(f"{found(value)} is no date: {error}", "Write a day that exists, as YYYY-MM-DD.")
    refuse(f"expected a date, found {found(value)}", "Write the day as YYYY-MM-DD.")


def _duration(value: Any) -> Any:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not int(match[1]):
        refuse(f"expected a duration, found {found(value)}", "Write a number and ms, s, m, h or d: `90s`, `15m`, `4h`.")
    return int(match[1]) * _UNITS[match[2]]


def _window(value: Any) -> Any:
    if value is None:
        refuse("is empty", "Write `{column, start}`, or `none` for a table without days.")
    return None if value == "none" else value


def _kind_alone(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _url_form(value: Any) -> str:
    return "text" if isinstance(value, str) else "env"


Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[Text, StringConstraints(pattern=f"^{NAME.pattern}$")]
Names = Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), AfterValidator(_no_repeats), Field(min_length=1)]
Table_ = Annotated[Text, AfterValidator(_table)]
Sql = Annotated[str, AfterValidator(_sql)]
Owner = Annotated[str, AfterValidator(_owner)]
Zone = Annotated[Text, AfterValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Declared(BaseModel):
    """A mapping of the file: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Env(Declared):
    """A value that stands in the environment, so that no file holds a password."""

    env: Text = Field(description="The name of the environment variable that holds the URL.")


Url = Annotated[Annotated[Text, Tag("text")] | Annotated[Env, Tag("env")], Discriminator(_url_form)]


class Database(Declared):
    """One database, by name."""

    url: Url = Field(description="Write `{env: NAME}`, or a URL without a password.")
    statement_timeout: Duration = Field(
        timedelta(minutes=10), description="How long one statement may run before the database gives it up, as `10m`."
    )
    connections: int = Field(4, ge=1, le=100, description="How many connections may be open at once, 1 to 100.")


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
    """How rows fall into days."""

    column: Text = Field(description="The date or timestamp column that says which day a row belongs to.")
    start: Day = Field(description="The first day, as YYYY-MM-DD.")
    end: Day | None = Field(None, description="The day after the last one, as YYYY-MM-DD; without it, days go on.")
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

    def days(self) -> model.Days:
        """The days as the program knows them."""
        return model.Days(self.column, self.start, self.end, self.timezone, self.stored_in)


class Columns(Declared):
    """How the columns of both sides meet: by name, but for what stands here."""

    ignore: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), AfterValidator(_no_repeats)] = Field(
        (), description="Columns of either side that are neither loaded nor compared."
    )
    rename: dict[Text, Text] = Field({}, description="`source_name: target_name` for columns whose names differ.")
    cast: dict[Text, Text] = Field(
        {}, description="`column: type` casts a source column to a type of the source's dialect."
    )


class References(Declared):
    """Columns that name a row of another declared table."""

    kind: Literal["references"] = Field("references", description="The kind of check.")
    columns: Names = Field(description="The columns that name the parent's row, in the order of the parent's key.")
    parent: Text = Field(description="The declared table that holds the rows named.")
    severity: Literal["warn", "error"] = Field("error", description="`warn` or `error`.")

    @model_validator(mode="before")
    @classmethod
    def _column_alone(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "column" not in value or "columns" in value:
            return value
        rest = {key: item for key, item in value.items() if key != "column"}
        return {**rest, "columns": value["column"]}

    def check(self) -> checks.References:
        """The check as the program knows it."""
        return checks.References(self.columns, self.parent, grading=model.Grading(shown=self.severity))


class Later(BaseModel):
    """Kinds of checks that are planned: accepting them would look like checking."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["count", "sum", "fields"]

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        hint = "Remove it: this version acts on `references` only."
        refuse(f"checks of kind `{value['kind']}` are not carried out yet", hint)


Check = Annotated[Annotated[References | Later, Field(discriminator="kind")], BeforeValidator(_kind_alone)]

NOT_YET = {
    "updated_at": "changed rows are not looked for yet",
    "settle": "rows in flight are not waited for yet",
    "correct": "differences are not corrected yet",
}


class Table(Declared):
    """One table that is kept equal to its source."""

    source: Source = Field(description="Write `{database: NAME, table: schema.table}`.")
    target: Target = Field(description="Write `{database: NAME, table: schema.table}`.")
    key: Names = Field(description="The columns that identify one row, as `[id]`.")
    window: Annotated[Window | None, BeforeValidator(_window)] = Field(
        description="Write `{column, start}` to divide the rows into days, or `none`."
    )
    columns: Columns = Field(Columns(), description="Write `{ignore, rename, cast}`.")
    where: Sql | None = Field(None, description="SQL that both sides understand; other rows are left alone.")
    checks: tuple[Check, ...] = Field((), description="A list of checks.")
    group: Name = Field("default", description="Letters, digits and _.")
    owners: Annotated[tuple[Owner, ...], BeforeValidator(_one_or_many)] = Field(
        (), description="E-mail addresses or `team:name`."
    )
    description: str = Field("", description="What the table holds, for people.")

    def spec(self, name: str) -> model.TableSpec:
        """The table as the program knows it."""
        return model.TableSpec(
            name=name,
            source=self.source.relation(),
            target=self.target.relation(),
            key=self.key,
            days=self.window.days() if self.window else None,
            ignore=self.columns.ignore,
            rename=self.columns.rename,
            cast=self.columns.cast,
            where=self.where,
            checks=tuple(check.check() for check in self.checks if isinstance(check, References)),
            group=self.group,
            owners=self.owners,
            description=self.description,
        )
