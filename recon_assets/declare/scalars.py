"""Single values of the YAML file: what each may look like, and what it becomes.

Every one comes as text (see `document`), so that each says itself what it takes for a number or a day.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, LiteralString, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from recon_assets.declare.problems import hidden, nearest
from recon_assets.model import DURATION, Grading, Tolerance, broken_out, duration_of

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = r'(?:[^\s."`\[\];]+|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"(?:{_PART}\.)?{_PART}")
_OWNER = re.compile(r"team:[A-Za-z0-9_]+|[A-Za-z0-9_][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")  # as Dagster
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"([0-9]{1,400}(?:\.[0-9]{1,400})?|\.[0-9]{1,400})(%?)")
_TOO_LARGE = 10**400
_LONGEST_SHOWN = 60
_SHOWN = ("warn", "error")


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


def one_or_many(value: Any) -> Any:
    """One name may stand for a list of it."""
    return [value] if isinstance(value, str) else value


def no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each of which stands there once."""
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
    if wrong := broken_out(text):
        refuse(
            f"SQL is not whole: {wrong}", "It becomes a part of a larger statement, which would mean something else."
        )
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
    span = duration_of(value) if isinstance(value, str) else None
    if not span:
        refuse(f"expected a duration, found {found(value)}", "Write a number and ms, s, m, h or d: `90s`, `15m`, `4h`.")
    return span


def _amount(value: Any) -> Decimal:
    """A number of units, none of them negative."""
    match = _read_number(value)
    if not match or match[2]:
        refuse(
            f"expected a number, found {found(value)}", "Write a number of units that is not negative, such as `0.01`."
        )
    return Decimal(match[1])


def _share(value: Any) -> Decimal:
    """A share, as per cent or as a part of 1."""
    match = _read_number(value)
    if not match:
        refuse(f"expected a share, found {found(value)}", "Write per cent, such as `0.1%`.")
    share = Decimal(match[1]) / (100 if match[2] else 1)
    if share > 1:
        hint = "Write a share of at most 100%." if match[2] else f"Write `{value}%` if per cent is meant."
        refuse(f"{found(value)} is more than the whole", hint)
    return share


def _read_number(value: Any) -> re.Match[str] | None:
    """Numbers stand as text in a file, and as such in Python."""
    plain = isinstance(value, str | int | float | Decimal) and not isinstance(value, bool)
    if not plain or (isinstance(value, int) and abs(value) >= _TOO_LARGE):
        return None
    return _NUMBER.fullmatch(f"{value:f}" if isinstance(value, float | Decimal) else str(value))


def _limit(value: Any) -> Tolerance:
    """``5`` is so many units, ``1%`` such a share."""
    if not _read_number(value):
        refuse(f"expected a number or per cent, found {found(value)}", "Write `5` for units, or `0.1%` for a share.")
    return Tolerance(relative=_share(value)) if str(value).endswith("%") else Tolerance(_amount(value))


def _tolerance(value: Any) -> Tolerance:
    """One limit, or both: the wider one counts."""
    if not isinstance(value, Mapping):
        return _limit(value)
    _only(value, ("abs", "rel"), "{abs: 5, rel: 0.1%}")
    return Tolerance(_amount(value.get("abs", "0")), _share(value.get("rel", "0")))


def _severity(value: Any) -> Grading:
    """How findings are shown, or from which size on they are medium and high."""
    if isinstance(value, Mapping):
        return _graded(value)
    if value not in _SHOWN:
        refuse(f"expected `warn` or `error`, found {found(value)}", "Or write sizes, as `{medium: 100, high: 1%}`.")
    return Grading(shown=value)


def _graded(value: Mapping[str, Any]) -> Grading:
    _only(value, ("medium", "high", "shown"), "{medium: 100, high: 1%}")
    if value.get("shown", "warn") not in _SHOWN:
        refuse(f"expected `warn` or `error`, found {found(value['shown'])}", "`shown` is how all findings are shown.")
    limits = {name: _limit(value[name]) for name in ("medium", "high") if name in value}
    grading = Grading(**limits, shown=value.get("shown"))
    medium, high = grading.medium, grading.high
    if medium.relative > high.relative > 0 or medium.absolute > high.absolute > 0:
        refuse(
            "`medium` begins above `high`", "Write the larger size as `high`; where one is missing, 0.1% and 1% hold."
        )
    return grading


def _only(value: Mapping[str, Any], known: tuple[str, ...], example: str) -> None:
    unknown = [name for name in value if name not in known]
    if unknown or not value:
        said = f"unknown key `{unknown[0]}`" if unknown else "is empty"
        refuse(said, f"{nearest(unknown[0], known) if unknown else ''} Write `{example}`.".strip())


# Editors check a file by what is written (``json_schema_input_type``), not by what becomes of it.
_Number = Annotated[str, Field(pattern=f"^{_NUMBER.pattern}$")] | float
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[Text, StringConstraints(pattern=f"^{NAME.pattern}$")]
OneOrMany = BeforeValidator(one_or_many, json_schema_input_type=Text | list[Text])
Names = Annotated[tuple[Text, ...], OneOrMany, AfterValidator(no_repeats), Field(min_length=1)]
Some = Annotated[tuple[Text, ...], OneOrMany, AfterValidator(no_repeats)]
Table_ = Annotated[Text, AfterValidator(_table)]
Sql = Annotated[str, AfterValidator(_sql)]
Owner = Annotated[str, AfterValidator(_owner)]
Zone = Annotated[Text, AfterValidator(_zone)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=Annotated[str, Field(pattern=f"^{_DATE.pattern}$")])]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=f"^{DURATION.pattern}$")]),
]
Amount = Annotated[Decimal, BeforeValidator(_amount, json_schema_input_type=_Number)]
Share = Annotated[Decimal, BeforeValidator(_share, json_schema_input_type=_Number)]
Limits = Annotated[
    Tolerance,
    BeforeValidator(_tolerance, json_schema_input_type=_Number | dict[Literal["abs", "rel"], _Number]),
]
Severity = Annotated[
    Grading,
    BeforeValidator(
        _severity,
        json_schema_input_type=Literal["warn", "error"] | dict[Literal["medium", "high", "shown"], _Number | str],
    ),
]


class Declared(BaseModel):
    """A mapping of the file: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
