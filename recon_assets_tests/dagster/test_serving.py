"""What a running Dagster serves is compared with what a command means."""

import json
from pathlib import Path

import pytest

from recon_assets.model import Project
from recon_assets.orchestration.serving import Serving

URLS = {"shop": "mysql://app:s3cret@db/shop", "dwh": "postgresql://postgres@/dwh?host=/run/sock&port=5433"}
THERE = Serving("/x/recon.yaml", URLS)


@pytest.mark.parametrize(
    ("here", "said"),
    [
        (THERE, []),
        (Serving("/x/recon.yaml", {**URLS, "shop": "mysql+pymysql://app:s3cret@db/shop", "new": "sqlite:///n"}), []),
        (Serving("demo", {}), ["the declaration is /x/recon.yaml there, and demo here"]),
        (
            Serving("/x/recon.yaml", {"dwh": "postgresql://postgres@/dwh2?host=/run/sock&port=5433"}),
            ["dwh is postgresql://postgres@/run/sock/dwh there, and postgresql://postgres@/run/sock/dwh2 here"],
        ),
        (
            Serving("/x/recon.yaml", {**URLS, "shop": "mysql://app:0ther@db/shop"}),
            ["the password or an option of shop (mysql://app@db/shop) is another one there"],
        ),
    ],
)
def test_what_differs_is_named_without_a_password(here: Serving, said: list[str]) -> None:
    """Spelling is no difference, nor is a database that was declared since; nothing noted holds a password."""
    noted = json.loads(json.dumps(THERE.noted("key")))

    assert list(here.differences(noted, "key")) == said
    assert "s3cret" not in f"{noted} {THERE}"


def test_what_an_older_version_serves_is_not_known() -> None:
    """It noted nothing: that is told rather than passed over."""
    assert list(THERE.differences({}, "key")) == [
        "the declaration is one that an older recon-assets did not note there, and /x/recon.yaml here"
    ]


def test_a_declaration_that_was_edited_since_is_another(tmp_path: Path) -> None:
    """Its path is the same, and what is served is what it said before."""
    file, project = tmp_path / "recon.yaml", Project({}, {})
    file.write_text("tables: {}")
    there = Serving.of(project, {"RECON_TABLES": str(file)})
    noted = there.noted("key")
    assert list(Serving.of(project, {"RECON_TABLES": str(file)}).differences(noted, "key")) == []

    file.write_text("tables: {orders: {}}")

    (said,) = Serving.of(project, {"RECON_TABLES": str(file)}).differences(noted, "key")
    assert said == f"{file} was edited since that Dagster started, which serves what it said then"
