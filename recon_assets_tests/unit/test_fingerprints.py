"""Prints tell which rows are not what they were, as long as they are few."""

import pytest

from recon_assets.writing.fingerprints import Fingerprint

WAS = Fingerprint(4, "0:2:10:70:1 3:2:7:11:1")
NOTHING = Fingerprint(0, "")


@pytest.mark.parametrize(
    ("now", "keys"),
    [
        pytest.param(WAS, (), id="nothing"),
        pytest.param(Fingerprint(4, "0:2:10:70:1 3:2:9:21:1"), ((5 << 6) + 3,), id="changed"),
        pytest.param(Fingerprint(5, "0:2:10:70:1 3:3:8:17:1"), ((6 << 6) + 3,), id="added"),
        pytest.param(Fingerprint(3, "0:2:10:70:1 3:1:3:7:1"), ((1 << 6) + 3,), id="deleted"),
        pytest.param(Fingerprint(5, "0:2:10:70:1 3:2:7:11:1 9:1:2:8:0"), ((4 << 6) + 9,), id="first of its part"),
        pytest.param(Fingerprint(4, "0:2:13:77:1 3:2:7:11:1"), (), id="two of a part"),
        pytest.param(Fingerprint(4, "0:2:10:70:2 3:2:7:11:1"), (), id="the rest of a number alone"),
    ],
)
def test_one_changed_row_of_a_part_is_found(now: Fingerprint, keys: tuple[int, ...]) -> None:
    """By the quotient of two differences; where there is none, no key is named."""
    assert now.moved(WAS) == keys
    assert WAS.moved(now) == keys
    assert (now == WAS) is (now.digest == WAS.digest)


def test_rows_are_added_and_taken_off() -> None:
    """Part by part; a part that has no rows any more is as if it had never had any."""
    more = Fingerprint(2, "0:1:3:6:1 9:1:2:8:0")

    assert WAS + more == Fingerprint(6, "0:3:13:76:2 3:2:7:11:1 9:1:2:8:0")
    assert WAS + more - more == WAS
    assert WAS - WAS == NOTHING


def test_rows_that_are_gone_are_found() -> None:
    """In every part that had one."""
    assert NOTHING.moved(Fingerprint(2, "1:1:3:6:0 2:1:4:20:0")) == ((2 << 6) + 1, (5 << 6) + 2)
    assert NOTHING.moved(NOTHING) == ()
