"""What is stored, in words and as JSON Schema, from its declarations: `results/SCHEMA.md`, `results/schema.json`."""

from enginebench.schema.declared import described, json_type, records_in
from enginebench.schema.machine import json_schema
from enginebench.schema.page import document

__all__ = ["described", "document", "json_schema", "json_type", "records_in"]
