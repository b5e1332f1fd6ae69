"""Kinds of values, one file each: all that is known of a kind stands there, and nowhere else.

To add a kind: name it in `recon_assets.model.Kind`, describe it in a file of its own as a `ValueKind`, list it in
`KINDS`, and add its list of values that are easily confused to the collision suite. What two kinds are to each other is
said by `dialect.common_form` (comparisons), `dialect.types.widens` and `declare.fit` (loads). What a kind promises:

* Canonical texts are equal for equal values, byte for byte, on all databases, unless ``different_text`` says where
  not; and different for different ones, unless the common form of two kinds says that equal text proves nothing.
* ``parse`` accepts no text that databases refuse for such a type, and serves loads, comparisons and people's input.
* ``fit`` changes no meaning: a value that the column would round, cut, pad or reinterpret is refused, and what it
  accepts compares as equal to what it came from.
"""

from collections.abc import Mapping

from recon_assets.model import Kind
from recon_assets.values.any import ANY
from recon_assets.values.binary import BINARY
from recon_assets.values.boolean import BOOLEAN
from recon_assets.values.char import CHAR
from recon_assets.values.date import DATE
from recon_assets.values.datetimes import DATETIMES
from recon_assets.values.decimal import DECIMAL
from recon_assets.values.enum import ENUM
from recon_assets.values.float import FLOAT
from recon_assets.values.instant import INSTANT
from recon_assets.values.integer import INTEGER
from recon_assets.values.json import JSON
from recon_assets.values.kind import UNREADABLE, Marked, ValueKind
from recon_assets.values.native import NATIVE
from recon_assets.values.text import TEXT
from recon_assets.values.time import TIME
from recon_assets.values.timestamp import TIMESTAMP
from recon_assets.values.uuid import UUID_

KINDS: Mapping[Kind, ValueKind] = {
    each.kind: each
    for each in (
        *(INTEGER, DECIMAL, FLOAT, BOOLEAN),
        *(TEXT, CHAR, ENUM, UUID_, JSON, BINARY),
        *(DATE, TIME, TIMESTAMP, INSTANT),
        *(NATIVE, ANY),
    )
}
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN})
TEXTS = frozenset({Kind.TEXT, Kind.CHAR, Kind.ENUM})

__all__ = ["DATETIMES", "KINDS", "NUMBERS", "TEXTS", "UNREADABLE", "Marked", "ValueKind"]
