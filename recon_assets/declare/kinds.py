"""The checks of the YAML file, by their ``kind``.

What a check may be given is what its class in `recon_assets.checks` takes: the keys are the fields of that class, but
for the three that `_FIELDS` names. Here stands only how a key is written, and what a file writes otherwise.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import reduce
from inspect import getdoc
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model, model_validator

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
_KIND = "The kind of check."
_WHERE = "SQL that both sides understand; other rows are not looked at."
_DRIFT = BeforeValidator(one_or_many, json_schema_input_type=checks.Drift | list[checks.Drift])
_WRITTEN: Mapping[str, Any] = {
    "where": Annotated[Sql | None, Field(description=_WHERE)],
    "tolerance": Annotated[
        Limits, Field(description="How far the figures may be apart: `5`, `0.1%`, or `{abs: 5, rel: 0.1%}`.")
    ],
    "by": Annotated[Some, Field(description="The columns that tell groups of rows apart, as `[carrier]`.")],
    "column": Annotated[Text, Field(description="The column whose figure is compared.")],
    "columns": Annotated[
        Names, Field(description="The columns that name the parent's row, in the order of the parent's key.")
    ],
    "parent": Annotated[Text, Field(description="The declared table that holds the rows named.")],
    "source": Annotated[Sql, Field(description="SQL of the source; it may use :window_start and :window_end.")],
    "target": Annotated[Sql, Field(description="SQL of the target that gives the same rows.")],
    "allow": Annotated[
        tuple[checks.Drift, ...],
        _DRIFT,
        AfterValidator(no_repeats),
        Field(description="Kinds of drift that are no fault, as `[reordered, reindexed]`."),
    ],
}
"""How the fields of checks are written in a file; what is not here, no file gives."""


class _Check(Declared):
    """What every check may be given."""

    name: Name | None = Field(None, description="Letters, digits and _; for two checks that would have the same name.")
    description: str = Field("", description="What the check is for, in place of its own words.")
    severity: Severity = Field(
        model.GRADED, description="`warn` or `error`, or from which size on: `{medium: 100, high: 1%}`."
    )
    blocking: bool = Field(default=False, description="`true`: a day that fails it is a failed day of the run.")
    makes: ClassVar[Callable[..., model.Check]]

    def check(self, table: Any) -> model.Check:
        """The check as the program knows it; ``table`` is the declared table that it stands below."""
        given = {_FIELDS.get(key, key): getattr(self, key) for key in type(self).model_fields if key != "kind"}
        return self._made(table, {**given, "named": self.name or ""})

    def _made(self, _table: Any, given: Mapping[str, Any]) -> model.Check:
        return type(self).makes(**given)


class _OfColumn(_Check):
    """A check whose kind is the function."""

    kind: Function = Field(description=_KIND)

    def _made(self, _table: Any, given: Mapping[str, Any]) -> model.Check:
        return checks.ColumnFigure(self.kind, **given)


class _OfFields(_Check):
    """A check that has no tolerance of its own."""

    @model_validator(mode="before")
    @classmethod
    def _no_tolerance(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "tolerance" in value:
            refuse("`tolerance` does not belong to a check of records", _as_rules(value["tolerance"]))
        return value


def _or_column(schema: dict[str, Any]) -> None:
    """Tell editors that ``column`` may stand for ``columns``."""
    schema["properties"]["column"] = {**schema["properties"]["columns"], "title": "Column"}
    schema["required"].remove("columns")


class _OfReferences(_Check):
    """A check of which ``column`` may name the only one of its columns."""

    model_config = ConfigDict(json_schema_extra=_or_column)

    @model_validator(mode="before")
    @classmethod
    def _column_alone(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "column" not in value:
            return value
        if "columns" in value:
            refuse("both `column` and `columns` are given", "Give one of the two.")
        rest = {key: item for key, item in value.items() if key != "column"}
        return {**rest, "columns": value["column"]}


class _OfSchema(_Check):
    """A check that knows what its table leaves out and renames."""

    def _made(self, table: Any, given: Mapping[str, Any]) -> model.Check:
        columns, query = table.columns, table.source.query is not None
        return checks.Schema(ignore=columns.ignore, rename=columns.rename, query=query, **given)


class _OfQueries(_Check):
    """A check that nothing but a name of its own tells from others."""

    name: Name = Field(description="What the rule is called: letters, digits and _.")


class Order(_Check):
    """Times in an order that makes sense: four checks, told apart by their keys."""

    kind: Literal["order"] = Field("order", description=_KIND)
    where: Sql | None = Field(None, description=_WHERE)
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

    def _made(self, _table: Any, given: Mapping[str, Any]) -> model.Check:
        pattern = next(key for key in _ORDERS if given[key] is not None)
        own: Mapping[str, Mapping[str, Any]] = {
            "columns": {"columns": self.columns},
            "monotonic": {"column": self.monotonic, "along": self.along, "per": self.per or ()},
            "not_future": {"column": self.not_future},
        }
        rest = {key: value for key, value in given.items() if key not in {*_ORDERS, "along", "per"}}
        return _ORDERS[pattern](**own.get(pattern, {}), **rest)


def _taken_by(check: Any, base: type[_Check] = _Check) -> Any:
    """What a file may give a check, as a class named and described as the check is: the check's own fields."""
    own = {field.name: ... if field.default is MISSING else field.default for field in fields(check)}
    keys: Any = {name: (_WRITTEN[name], default) for name, default in own.items() if name in _WRITTEN}
    if "kind" not in base.model_fields:
        keys["kind"] = (Literal[check.kind], Field(check.kind, description=_KIND))
    made = create_model(check.__name__, __base__=base, __doc__=getdoc(check), **keys)
    made.makes = check
    return made


_KINDS = (
    _taken_by(checks.Count),
    _taken_by(checks.ColumnFigure, _OfColumn),
    _taken_by(checks.Keys),
    _taken_by(checks.Fields, _OfFields),
    _taken_by(checks.Checksum),
    _taken_by(checks.References, _OfReferences),
    Order,
    _taken_by(checks.Schema, _OfSchema),
    _taken_by(checks.BusinessRule, _OfQueries),
)


def _kind_alone(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _as_rules(tolerance: Any) -> str:
    """How a tolerance of columns is written."""
    given = tolerance if isinstance(tolerance, Mapping) else {"COLUMN": tolerance}
    rules = (f"{column}: {{{'rel' if str(by).endswith('%') else 'abs'}: {by}}}" for column, by in given.items())
    return f"Write it under `columns`, where every check of records finds it: `rules: {{{', '.join(rules)}}}`."


if TYPE_CHECKING:
    Check = _Check
else:
    _OfKind = Annotated[reduce(operator.or_, _KINDS), Field(discriminator="kind")]
    Check = Annotated[
        _OfKind,
        BeforeValidator(
            _kind_alone, json_schema_input_type=Literal["count", "keys", "fields", "checksum", "schema"] | _OfKind
        ),
    ]
KINDS = tuple(kind for made in _KINDS for kind in get_args(made.model_fields["kind"].annotation))
