"""The JSON Schema of the declaration file, for editors: made from the models that read it."""

from typing import Any

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from recon_assets.declare import schema
from recon_assets.declare.scalars import Declared, Name


class File(Declared):
    """Tables of a source and a target that are loaded, compared and corrected."""

    project: str = Field("", description="What the ledger knows the project by; without it, the path of this file.")
    databases: dict[Name, schema.Database] = Field(description="Each database by a name of your own.")
    tables: dict[Name, schema.Table] = Field(description="Each table by the name of its asset.")


class _Written(GenerateJsonSchema):
    """Shows the defaults that stand in a file as they are: numbers, words, `true` and `false`."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema of the value, with its default if a person would write it so."""
        default = schema.get("default")
        if isinstance(default, bool | int | str) and default != "":
            return super().default_schema(schema)
        return self.generate_inner(schema["schema"])


def json_schema() -> dict[str, Any]:
    """What an editor may know of a declaration: keys, their meaning, and the form of their values.

    It takes every declaration that we take. Rules across keys are told by ``recon validate`` alone.
    """
    made = File.model_json_schema(schema_generator=_Written)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "recon-assets declaration"}
