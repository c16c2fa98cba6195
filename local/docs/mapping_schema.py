"""docs/mapping.schema.json: what editors check a mapping with while it is written."""

from __future__ import annotations

import json
from typing import Any

from consent_sync.mapping.schema import MappingFile


def mapping_schema() -> str:
    """Give the JSON schema of the mapping as text, the same in every process."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MappingFile.model_json_schema(),
        "title": "consent-sync mapping",
        "description": "What means what in one Dataverse environment, and how far consent-sync may go.",
    }
    return json.dumps(_tidied(schema), indent=2, ensure_ascii=False) + "\n"


def _tidied(value: Any, key: str = "") -> Any:
    """Close the objects whose keys have a pattern, and sort what came out of sets: their order is never the same."""
    if isinstance(value, dict):
        closed = {"additionalProperties": False} if "patternProperties" in value else {}
        inside = "default" if key == "default" else None
        return {name: _tidied(item, inside or name) for name, item in (value | closed).items()}
    if isinstance(value, list):
        return sorted(value) if key == "default" else [_tidied(item) for item in value]
    return " ".join(value.split()) if key == "description" else value
