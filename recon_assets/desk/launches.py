"""Who launches: the door knows it and Dagster does not, so that it goes into the run's tags on its way in."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recon_assets.desk.access import PROGRAM
from recon_assets.desk.door import VISITOR
from recon_assets.review import PERSON_TAG

_TAGS: Mapping[str, tuple[str, ...]] = {
    "executionParams": ("executionMetadata", "tags"),
    "reexecutionParams": ("extraTags",),
    "backfillParams": ("tags",),
}
"""Where Dagster's mutations that launch have tags, by the variable of what is launched."""


@dataclass(frozen=True)
class Launches:
    """Middleware behind the door: what a person who is logged in launches by GraphQL bears their name."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        visitor = scope.get(VISITOR)
        posted = scope.get("method") == "POST" and scope["path"] == "/graphql"
        if not (posted and visitor and visitor.vouched and visitor.who != PROGRAM):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        told = iter([{"type": "http.request", "body": (new := tagged(bytes(body), visitor.who))}])

        async def again() -> Message:
            return next(told, None) or await receive()

        kept = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        await self.app({**scope, "headers": [*kept, (b"content-length", str(len(new)).encode())]}, again, send)


def tagged(body: bytes, who: str) -> bytes:
    """What was asked for by GraphQL, with ``who`` in the tags of all that it launches."""
    try:
        asked = json.loads(body)
        for launched, path in _launched(asked):
            place = launched
            for name in path[:-1]:
                place[name] = place.get(name) or {}
                place = place[name]
            others = [tag for tag in place.get(path[-1]) or () if tag["key"] != PERSON_TAG]
            place[path[-1]] = [*others, {"key": PERSON_TAG, "value": who}]
        return json.dumps(asked).encode()
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return body  # Dagster says what is wrong with it


def _launched(asked: Any) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    for each in asked if isinstance(asked, list) else [asked]:
        variables = each.get("variables") or {}
        for name, path in _TAGS.items():
            found = (variables.get(name), *(variables.get(f"{name}List") or ()))
            yield from ((params, path) for params in found if params)
