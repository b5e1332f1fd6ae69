"""The checks of the YAML file, by their ``kind``: what each may be given.

The keys of a check are the fields of the check that it becomes, but for the three that `_FIELDS` names.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from recon_assets import checks, model
from recon_assets.checks.figures import Function
from recon_assets.declare.scalars import (
    Declared,
    Limits,
    Name,
    Names,
    Severity,
    Some,
    Sql,
    Text,
    no_repeats,
    one_or_many,
    refuse,
)

_FIELDS = {"name": "named", "description": "note", "severity": "grading"}
_ORDERS: Mapping[str, Callable[..., model.Check]] = {
    "columns": checks.Ascending,
    "monotonic": checks.Monotonic,
    "not_future": checks.NotFuture,
    "in_window": checks.InWindows,
}


class _Check(Declared):
    """What every check may be given."""

    name: Name | None = Field(None, description="Letters, digits and _; for two checks that would have the same name.")
    description: str = Field("", description="What the check is for, in place of its own words.")
    severity: Severity = Field(
        model.GRADED, description="`warn` or `error`, or from which size on: `{medium: 100, high: 1%}`."
    )
    blocking: bool = Field(default=False, description="`true`: a day that fails it is a failed day of the run.")
    taken: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def check(self, table: Any) -> model.Check:
        """The check as the program knows it; ``table`` is the declared table that it stands below."""
        given = {_FIELDS.get(key, key): getattr(self, key) for key in type(self).model_fields if key != "kind"}
        taken = {key: take(table) for key, take in self.taken.items()}
        return self._made(**{**given, "named": self.name or ""}, **taken)

    @abstractmethod
    def _made(self, **given: Any) -> model.Check:
        """The check, of the fields given."""


class _Limited(_Check):
    where: Sql | None = Field(None, description="SQL that both sides understand; other rows are not looked at.")


class _Tolerant(_Limited):
    tolerance: Limits = Field(
        model.EXACT, description="How far the figures may be apart: `5`, `0.1%`, or `{abs: 5, rel: 0.1%}`."
    )


class Count(_Tolerant):
    """As many rows, or as many in each group."""

    kind: Literal["count"] = Field("count", description="The kind of check.")
    by: Some = Field((), description="The columns that part the rows into groups, as `[carrier]`.")

    def _made(self, **given: Any) -> model.Check:
        return checks.Count(**given)


class OfColumn(_Tolerant):
    """A figure of one column."""

    kind: Function = Field(description="The kind of check.")
    column: Text = Field(description="The column whose figure is compared.")

    def _made(self, **given: Any) -> model.Check:
        return checks.ColumnFigure(self.kind, **given)


class Keys(_Limited):
    """No record missing, none extra."""

    kind: Literal["keys"] = Field("keys", description="The kind of check.")

    def _made(self, **given: Any) -> model.Check:
        return checks.Keys(**given)


class Fields(_Limited):
    """Equal values in records of the same key."""

    kind: Literal["fields"] = Field("fields", description="The kind of check.")

    @model_validator(mode="before")
    @classmethod
    def _no_tolerance(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "tolerance" in value:
            refuse("`tolerance` does not belong to a check of records", _as_rules(value["tolerance"]))
        return value

    def _made(self, **given: Any) -> model.Check:
        return checks.Fields(**given)


class Checksum(_Limited):
    """Equal digests of all records."""

    kind: Literal["checksum"] = Field("checksum", description="The kind of check.")

    def _made(self, **given: Any) -> model.Check:
        return checks.Checksum(**given)


def _or_column(schema: dict[str, Any]) -> None:
    """Tell editors that ``column`` may stand for ``columns``."""
    schema["properties"]["column"] = {**schema["properties"]["columns"], "title": "Column"}
    schema["required"].remove("columns")


class References(_Limited):
    """Columns that name a row of another declared table."""

    model_config = ConfigDict(json_schema_extra=_or_column)

    kind: Literal["references"] = Field("references", description="The kind of check.")
    columns: Names = Field(description="The columns that name the parent's row, in the order of the parent's key.")
    parent: Text = Field(description="The declared table that holds the rows named.")

    @model_validator(mode="before")
    @classmethod
    def _column_alone(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "column" not in value:
            return value
        if "columns" in value:
            refuse("both `column` and `columns` are given", "Give one of the two.")
        rest = {key: item for key, item in value.items() if key != "column"}
        return {**rest, "columns": value["column"]}

    def _made(self, **given: Any) -> model.Check:
        return checks.References(**given)


class Order(_Limited):
    """Times in an order that makes sense."""

    kind: Literal["order"] = Field("order", description="The kind of check.")
    columns: Annotated[Names, Field(min_length=2)] | None = Field(
        None, description="Times of one row that do not decrease, as `[scheduled, departed]`."
    )
    monotonic: Text | None = Field(None, description="A time that does not decrease as `along` grows.")
    along: Text | None = Field(None, description="What `monotonic` goes along with.")
    per: Names | None = Field(None, description="What rows of `monotonic` belong together by, as `[tailnum]`.")
    not_future: Text | None = Field(None, description="A time that is not later than now.")
    in_window: Annotated[Literal["true"], WithJsonSchema({"const": True})] | None = Field(
        None, description="`true`: every row falls into one of the table's days."
    )

    @model_validator(mode="after")
    def _one_pattern(self) -> "Order":
        given = [key for key in _ORDERS if getattr(self, key) is not None]
        if len(given) != 1:
            said = f"both `{given[0]}` and `{given[1]}` are given" if given else "nothing says which order is meant"
            refuse(said, "Give one of `columns`, `monotonic` (with `along`), `not_future`, `in_window`.")
        if ("monotonic" in given) != (self.along is not None):
            refuse("`monotonic` and `along` need each other", "Write `{kind: order, monotonic: TIME, along: COLUMN}`.")
        if self.per and not self.monotonic:
            refuse("`per` has no effect without `monotonic`", "Remove it.")
        return self

    def _made(self, **given: Any) -> model.Check:
        pattern = next(key for key in _ORDERS if given[key] is not None)
        own: Mapping[str, Mapping[str, Any]] = {
            "columns": {"columns": self.columns},
            "monotonic": {"column": self.monotonic, "along": self.along, "per": self.per or ()},
            "not_future": {"column": self.not_future},
        }
        rest = {key: value for key, value in given.items() if key not in {*_ORDERS, "along", "per"}}
        return _ORDERS[pattern](**own.get(pattern, {}), **rest)


class Schema(_Check):
    """The same columns, keys and indexes."""

    kind: Literal["schema"] = Field("schema", description="The kind of check.")
    allow: Annotated[
        tuple[checks.Drift, ...],
        BeforeValidator(one_or_many, json_schema_input_type=checks.Drift | list[checks.Drift]),
        AfterValidator(no_repeats),
    ] = Field((), description="Kinds of drift that are no fault, as `[reordered, reindexed]`.")
    taken: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "ignore": lambda table: table.columns.ignore,
        "rename": lambda table: table.columns.rename,
        "query": lambda table: table.source.query is not None,
    }

    def _made(self, **given: Any) -> model.Check:
        return checks.Schema(**given)


class Rule(_Check):
    """Two queries with the same result."""

    kind: Literal["rule"] = Field("rule", description="The kind of check.")
    name: Name = Field(description="What the rule is called: letters, digits and _.")
    source: Sql = Field(description="SQL of the source; it may use :window_start and :window_end.")
    target: Sql = Field(description="SQL of the target that gives the same rows.")
    by: Some = Field((), description="The columns of the results that identify a row; the others are compared.")
    tolerance: Limits = Field(
        model.EXACT, description="How far numbers may be apart: `5`, `0.1%`, or `{abs: 5, rel: 0.1%}`."
    )

    def _made(self, **given: Any) -> model.Check:
        return checks.BusinessRule(**given)


def _kind_alone(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _as_rules(tolerance: Any) -> str:
    """How a tolerance of columns is written."""
    given = tolerance if isinstance(tolerance, Mapping) else {"COLUMN": tolerance}
    rules = (f"{column}: {{{'rel' if str(by).endswith('%') else 'abs'}: {by}}}" for column, by in given.items())
    return f"Write it under `columns`, where every check of records finds it: `rules: {{{', '.join(rules)}}}`."


Kind = Count | OfColumn | Keys | Fields | Checksum | References | Order | Schema | Rule
_OfKind = Annotated[Kind, Field(discriminator="kind")]
Check = Annotated[
    _OfKind,
    BeforeValidator(
        _kind_alone, json_schema_input_type=Literal["count", "keys", "fields", "checksum", "schema"] | _OfKind
    ),
]
KINDS = ("count", *get_args(Function), "keys", "fields", "checksum", "references", "order", "schema", "rule")
