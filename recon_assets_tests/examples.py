"""The commands that help shows, as they would be typed."""

import re

from recon_assets import cli


def of_help() -> list[str]:
    """Those of each command, and the first steps."""
    found = [line.partition("  ")[0] for line in re.sub(r"\[/?\w*\]", "", "\n".join(cli._TEACHING)).splitlines()]
    for name in cli.COMMANDS:
        command = cli._imported(name)
        found += [line for each in (command, *getattr(command, "commands", {}).values()) for line in lines(each.help)]
    return commands(found)


def commands(found: list[str]) -> list[str]:
    """Those of the lines that are commands, each once, in order."""
    return list(dict.fromkeys(line for line in found if re.match(r"([A-Z_]+=\S+ )*recon \w", line)))


def lines(text: str | None) -> list[str]:
    """The lines of a text, if there is one."""
    return [line.strip() for line in (text or "").splitlines()]
