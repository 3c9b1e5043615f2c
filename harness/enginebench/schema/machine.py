"""The stored JSON files as JSON Schema, each field with the words under it: unit, range, what null means."""

from __future__ import annotations

import json
from typing import Any

from enginebench.metrics import METRICS
from enginebench.records import (
    Attempt,
    Calibration,
    ForeignPoint,
    Invalidation,
    Manifest,
    Result,
    SignedNight,
    Withdrawal,
)
from enginebench.records.units import unit_of
from enginebench.schema.declared import described, records_in, summary
from enginebench.store.export import units

STORED = (Result, Attempt, Manifest, Invalidation, Withdrawal, SignedNight, Calibration, ForeignPoint)
"""What a stored JSON file can be; its `format` says which."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _metrics(value: dict[str, Any]) -> dict[str, Any]:
    """Each metric that a run holds today, of the type `value`; runs of other versions hold fewer or others."""
    known = units(METRICS)
    return {
        name: value | {"description": f"{one.title}: {one.formula}.", "x-unit": known[name]}
        for name, one in METRICS.items()
    }


def json_schema() -> str:
    """The JSON of results/schema.json: a file is one of STORED."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    class _Untitled(GenerateJsonSchema):
        """Without a title a field, which would only repeat its name."""

        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    # As it is read, not as it is written, and of today's version: older files are brought to it before.
    inputs = [(kind, "validation", TypeAdapter(kind)) for kind in STORED]
    refs, shared = TypeAdapter.json_schemas(inputs, schema_generator=_Untitled)  # type: ignore[arg-type]
    records = {one.__name__: one for kind in STORED for one in records_in(kind)}
    definitions = shared["$defs"]
    assert definitions.keys() <= records.keys(), "two records of one name, or a type that is no record"
    for name, definition in definitions.items():
        definition["description"] = summary(records[name])
        if "format" in definition["properties"]:
            # A default spares us naming it where a record is made; a file that does not name it is refused.
            definition["required"] = ["format", *definition.get("required", ())]
        for field, words in described(records[name]).items():
            definition["properties"][field]["description"] = words
        for field, found in definition["properties"].items():
            if (unit := unit_of(field)) is not None:
                found["x-unit"] = unit
    metrics = definitions["Run"]["properties"]["metrics"]
    metrics["properties"] = _metrics(metrics["additionalProperties"])
    whole = {
        "$schema": DIALECT,
        "title": "enginebench",
        "description": "A stored JSON file of enginebench: result.json, job.json, manifests/….json, "
        "invalidations/….json, signatures/….json, calibrations/….json or a line of foreign/….jsonl, of the newest "
        "version. Units are in the names and under `x-unit`; null means that a value could not be had, and is never "
        "written as 0.",
        "oneOf": [refs[kind, "validation"] for kind in STORED],
        "$defs": definitions,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
