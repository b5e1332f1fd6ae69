"""A running Dagster webserver, asked over HTTP in GraphQL."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from recon_assets.errors import DeclarationError, UnavailableError

LOCATIONS = """
query Locations {
  workspaceOrError {
    ... on Workspace { locationEntries { locationOrLoadError { __typename ... on PythonError { message } } } }
    ... on PythonError { message }
  }
}
"""
PLACES = """
query Places($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) { assetKey { path } repository { name location { name } } }
}
"""


@dataclass(frozen=True)
class Webserver:
    """The webserver at ``url``."""

    url: str
    timeout: float = 300.0
    """In seconds: on a busy machine an answer may take minutes."""
    token: str = field(default="", repr=False)
    """What lets us in where people log in."""
    log: Path | None = None
    """Where it writes, if it is ours."""

    def __post_init__(self) -> None:
        place = urlsplit(self.url)
        try:
            sound = place.scheme in {"http", "https"} and place.hostname and (place.port or True)
        except ValueError:
            sound = False
        if not sound or "@" in place.netloc:
            msg = "the webserver's URL must be of the form http://host:3000, without user and password."
            raise DeclarationError(msg)

    def ask(self, query: str, **variables: object) -> Mapping[str, Any]:
        """The data that answers a query or mutation.

        Raises:
            UnavailableError: When nothing answers, or what answers is not Dagster's webserver.
        """
        status, text = self._post(json.dumps({"query": query, "variables": variables}))
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"errors": [{"message": f"status {status}"}]}
        if answer.get("errors"):
            msg = f"{self.url}/graphql answered: {sentence(answer['errors'][0]['message'])}"
            raise UnavailableError(msg)
        data: Mapping[str, Any] = answer["data"]
        return data

    def _post(self, body: str) -> tuple[int, str]:
        place = urlsplit(self.url)
        kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
        connection = kind(place.hostname or "", place.port, timeout=self.timeout)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request("POST", f"{place.path.rstrip('/')}/graphql", body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, HTTPException) as error:
            ours = f"this command had started it, and its log is {self.log}; run the command again to go on."
            theirs = "start it with `recon dev`, or name another with --webserver."
            msg = f"{self.url} does not answer ({error}); {ours if self.log else theirs}"
            raise UnavailableError(msg) from error
        finally:
            connection.close()

    def has_loaded(self) -> bool:
        """Whether the tables are there to be used; False while they are being loaded.

        Raises:
            DeclarationError: When loading them failed for good.
        """
        entries = self.ask(LOCATIONS)["workspaceOrError"].get("locationEntries", [])
        loaded = [entry["locationOrLoadError"] for entry in entries]
        for location in loaded:
            if location and location["__typename"] == "PythonError":
                msg = f"Dagster could not load the tables: {location['message'].strip()}"
                raise DeclarationError(msg)
        return bool(loaded) and all(loaded)

    def repository_of(self, tables: Iterable[dg.AssetKey]) -> Mapping[str, Any]:
        """The repository that has these tables, as GraphQL names it.

        Raises:
            DeclarationError: When it lacks one of them: what it serves is not what the command has read.
        """
        wanted = list(dict.fromkeys(tables))
        nodes = self.ask(PLACES, keys=[{"path": list(key.path)} for key in wanted])["assetNodes"]
        found = {tuple(node["assetKey"]["path"]) for node in nodes}
        if lacking := [key.to_user_string() for key in wanted if tuple(key.path) not in found]:
            msg = (
                f"{self.url} does not have {', '.join(lacking)}: it serves another declaration, or one that was changed"
                " since. Start it again with this one, or reload its definitions there."
            )
            raise DeclarationError(msg)
        repository: Mapping[str, Any] = nodes[0]["repository"]
        return repository


def sentence(message: str) -> str:
    """What Dagster says of an error, in one line and without the statement that failed and its values."""
    return " ".join(message.partition("[SQL: ")[0].split())
