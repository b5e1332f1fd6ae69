"""What a running Dagster serves, as its home notes it for the commands that would use it.

Its processes have the environment in which they were started: a command with other databases, or with another
declaration, would have them load what it does not mean, into where it does not mean.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from recon_assets.declare import DEMO
from recon_assets.dialect.engines import check_url
from recon_assets.model import Project

OF_DAGSTER = ("RECON_LEDGER_URL", "DAGSTER_PG_URL")


@dataclass(frozen=True)
class Serving:
    """A declaration, and the URLs of its databases, of the ledger and of Dagster's storage by their names.

    Attributes:
        text: What its file says; empty where it is none.
    """

    declaration: str
    urls: Mapping[str, str] = field(repr=False)
    text: str = field(default="", repr=False)

    @classmethod
    def of(cls, project: Project, environ: Mapping[str, str]) -> "Serving":
        """What is served in an environment."""
        named = environ.get("RECON_TABLES", "")
        file = Path(named).resolve() if named != DEMO and Path(named).is_file() else None
        declared = {name: database.url for name, database in project.databases.items() if database.url}
        own = {name: environ[name].replace("+psycopg2:", ":", 1) for name in OF_DAGSTER if environ.get(name)}
        return cls(str(file or named), {**declared, **own}, file.read_text() if file else "")

    def noted(self, secret: str) -> dict[str, Any]:
        """As it is written into a file: places in plain words, and of the whole URLs only what tells them apart."""
        databases = {name: [place(url), digest(url, secret)] for name, url in self.urls.items()}
        return {"declaration": self.declaration, "text": keyed(self.text, secret), "databases": databases}

    def differences(self, noted: Mapping[str, Any], secret: str) -> Iterator[str]:
        """How what was noted there differs from what is meant here; never shows a password."""
        there = noted.get("declaration", "one that an older recon-assets did not note")
        if there != self.declaration:
            yield f"the declaration is {there} there, and {self.declaration} here"
            return
        mine = keyed(self.text, secret)
        if noted.get("text", mine) != mine:
            yield f"{self.declaration} was edited since that Dagster started, which serves what it said then"
        for name, url in self.urls.items():
            there, whole = noted["databases"].get(name, (place(url), digest(url, secret)))
            if there != place(url):
                yield f"{name} is {there} there, and {place(url)} here"
            elif whole != digest(url, secret):
                yield f"the password or an option of {name} ({there}) is another one there"


def place(url: str) -> str:
    """Where a database is, and who asks it, without a password and without options."""
    found = check_url(url)
    host = found.host or found.query.get("host")
    parts = sa.URL.create(
        found.get_backend_name(),
        username=found.username,
        host=",".join([host] if isinstance(host, str) else host or ()),
        port=found.port,
        database=found.database,
    )
    return parts.render_as_string()


def digest(url: str, secret: str) -> str:
    """What is equal for equal URLs alone, and tells nothing to those who do not know the secret."""
    return keyed(check_url(url).render_as_string(hide_password=False), secret)


def keyed(text: str, secret: str) -> str:
    """The same of any text."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
