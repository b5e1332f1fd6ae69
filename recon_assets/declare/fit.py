"""Whether values of one type fit into another: what cannot is an error, what may lose something a warning."""

from recon_assets.declare.problems import Severity
from recon_assets.model import Kind, Type
from recon_assets.values import KINDS
from recon_assets.values.native import without_form
from recon_assets.values.text import ANY_TEXT

SURE_DIGITS = {24: 6, 53: 15}
"""Of so many digits each decimal is what a float prints as, by the bits of the float's mantissa."""

UUID_LENGTH = 36


def misfit(source: Type, target: Type) -> tuple[Severity, str] | None:
    """What is to be feared when values of ``source`` are written into ``target``; None when nothing."""
    if Kind.ANY in {source.kind, target.kind}:
        return None
    if without_form(source, target):
        return None  # refused by name already, whatever the other side is
    if target.kind not in KINDS[source.kind].goes_into:
        return _across(source, target)
    lost = _lost(source, target)
    return ("warning", f"{source.name} does not always fit into {target.name}: {lost}") if lost else None


def _across(source: Type, target: Type) -> tuple[Severity, str]:
    """Between families only texts go, which each value of the other kind has one of."""
    if source.kind in {Kind.TEXT, Kind.CHAR} and target.kind is not Kind.BINARY:
        return "warning", f"{source.name} becomes {target.name}: texts that do not read as one are refused when loaded"
    if target.kind in {Kind.TEXT, Kind.CHAR} and source.kind is not Kind.BINARY:
        return "warning", f"{source.name} becomes {target.name}: values are written as text"
    return "error", f"{source.name} cannot become {target.name}"


def _lost(source: Type, target: Type) -> str | None:
    """The first limit of the target that values of the source may exceed."""
    if source.kind is Kind.INTEGER and target.kind is Kind.INTEGER:
        return _range(source, target)
    if target.kind in {Kind.TEXT, Kind.CHAR, Kind.BINARY}:
        return _length(source, target)
    if target.kind is Kind.ENUM:
        return _labels(source, target)
    if target.kind in {Kind.DECIMAL, Kind.FLOAT}:
        return _digits(source, target)
    return _meaning(source, target)


def _range(source: Type, target: Type) -> str | None:
    low, high = _known(target.low, source.low), _known(target.high, source.high)
    if _known(source.low, low) >= low and _known(source.high, high) <= high:
        return None
    return f"it holds {low} to {high}"


def _known(value: int | None, otherwise: int | None) -> int:
    return next((number for number in (value, otherwise) if number is not None), 0)


def _length(source: Type, target: Type) -> str | None:
    if target.length is None or (source.kind is Kind.UUID and target.kind is Kind.BINARY):
        return None
    if source.kind is Kind.UUID:
        longer = target.length < UUID_LENGTH
    elif source.kind is Kind.ENUM:
        longer = any(len(label) > target.length for label in source.labels)
    else:
        longer = source.length is None or source.length > target.length
    return f"it holds {target.length} {'bytes' if target.kind is Kind.BINARY else 'characters'}" if longer else None


def _labels(source: Type, target: Type) -> str | None:
    missing = [label for label in source.labels if label not in target.labels]
    if source.kind is Kind.ENUM:
        return f"it lacks {', '.join(missing)}" if missing else None
    return f"it knows {', '.join(target.labels)}"


def _digits(source: Type, target: Type) -> str | None:
    if target.kind is Kind.FLOAT:
        bits = _known(target.precision, 53)
        return None if _fits_float(source, bits) else f"it holds {SURE_DIGITS[bits]} digits"
    if target.precision is None:
        return "NaN and infinities may have no place" if source.kind is Kind.FLOAT else None
    whole, scale = target.precision - _known(target.scale, 0), _known(target.scale, 0)
    if source.kind is Kind.INTEGER:
        needed = len(str(max(abs(_known(source.low, 0)), _known(source.high, 10**18))))
        return f"it holds {whole} digits before the point" if needed > whole else None
    fits = source.precision is not None and source.precision - _known(source.scale, 0) <= whole
    fits = fits and _known(source.scale, scale) <= scale
    return None if fits else f"it holds {whole} digits before the point and {scale} after it"


def _fits_float(source: Type, bits: int) -> bool:
    """Whether every value is what a float of so many bits prints as."""
    if source.kind is Kind.FLOAT:
        return _known(source.precision, 53) <= bits
    if source.kind is Kind.DECIMAL:
        return source.precision is not None and source.precision <= SURE_DIGITS[bits]
    return source.high is not None and source.high <= 2**bits


def _meaning(source: Type, target: Type) -> str | None:
    if target.kind is Kind.DATE and source.kind is not Kind.DATE:
        return "a time of day other than midnight is refused when it is loaded"
    if (source.kind, target.kind) in {(Kind.INTEGER, Kind.BOOLEAN), (Kind.DECIMAL, Kind.INTEGER)}:
        return "other values are refused when they are loaded"
    finer = _known(source.precision, 6) > _known(target.precision, 6)
    clocks = {Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}
    if source.kind in clocks and target.kind in clocks and finer:
        return f"it holds {_known(target.precision, 6)} digits of a second"
    if source.kind in ANY_TEXT and target.kind in {Kind.UUID, Kind.JSON} and source.kind is not target.kind:
        return "texts of another form are refused when they are loaded"
    return None
