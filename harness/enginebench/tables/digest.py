"""A hash of what a table holds, not of how it lies in a file: to sign it, and to show that a move changed nothing.

Equal for tables of equal rows in the same order, whatever their Parquet coding, row groups, chunks, order of columns,
width of integers and floats, or dictionaries. A column without a value counts as absent, so that one added later, null
in all older tables, changes no digest. Null is not 0 and not the empty string; one NaN is like another, and -0.0 is 0.

Each column is hashed by itself as it comes (whether each row has a value, and the values, a null as 0), and at the end
SHA-256 is taken over the names and the columns' hashes. What is laid down here never changes: signatures stand on it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


class ContentDigest:
    """The digest of a table that comes in parts: the same as of the whole, with no more in memory than a part."""

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._rows = 0

    def update(self, table: Any) -> None:
        """Add the rows of an Arrow table; a column that it lacks is null in them. TypeError for types of no table."""
        import pyarrow as pa

        for name in table.column_names:
            if not pa.types.is_null(table.schema.field(name).type):
                column = self._columns.get(name)
                if column is None:
                    column = self._columns[name] = _Column(table.schema.field(name).type)
                    column.update(pa.nulls(self._rows, table.schema.field(name).type))
                for chunk in table[name].chunks:
                    column.update(chunk)
        self._rows += table.num_rows
        for column in self._columns.values():
            column.update(pa.nulls(self._rows - column.rows, column.type))

    def hexdigest(self) -> str:
        """SHA-256 of all rows so far, 64 hex digits."""
        columns = {name: column.told() for name, column in self._columns.items() if column.values}
        told = json.dumps({"rows": self._rows, "columns": columns}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()


def content_digest(table: Any) -> str:
    """SHA-256 over what an Arrow table holds, as 64 hex digits; what that is, says this module's head.

    Columns that a migration fills (see `formats`) count: give the table with the columns whose digest was taken.
    """
    digest = ContentDigest()
    digest.update(table)
    return digest.hexdigest()


class _Column:
    """The hashes of one column, or of what lies in the lists of one."""

    def __init__(self, arrow_type: Any) -> None:
        self.type = arrow_type
        """The Arrow type of the first part that had the column."""
        self.rows = 0
        self.values = 0
        """Rows with a value."""
        self._form, self._plain = _plain(arrow_type)
        self._inner = _Column(self._plain.value_type) if self._form == "list" else None
        # A hash each for what comes a row: joined in one, they would lie as the parts do.
        self._valid, self._lengths, self._data = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def told(self) -> list[Any]:
        """Form and hashes."""
        inner = [] if self._inner is None else [self._inner.told()]
        return [self._form, *(one.hexdigest() for one in (self._valid, self._lengths, self._data)), *inner]

    def update(self, values: Any) -> None:
        """Add an Arrow array."""
        if _plain(values.type)[0] != self._form:
            raise TypeError(f"a column of {self.type} goes on as {values.type}")
        if not len(values):
            return
        values = values.cast(self._plain)
        lacking = values.null_count
        self.rows += len(values)
        self.values += len(values) - lacking
        # A byte a row: bits could not be joined where parts end anywhere.
        has = values.is_valid().to_numpy(zero_copy_only=False)
        self._valid.update(has.view(np.uint8).data)
        if self._inner is not None:
            self._lengths.update(np.where(has, np.diff(values.offsets.to_numpy()), 0).astype("<i8").data)
            self._inner.update(values.flatten())
        elif self._form in _EMPTY:
            self._spell(values.fill_null(_EMPTY[self._form]) if lacking else values)
        else:
            numbers = (values.fill_null(False if self._form == "bool" else 0) if lacking else values).to_numpy(
                zero_copy_only=False
            )
            if self._form == "float":
                # One NaN, and one 0: -0.0 + 0.0 is 0.0.
                numbers = np.where(np.isnan(numbers), np.nan, numbers + 0.0)
            self._data.update(np.ascontiguousarray(numbers.astype(_BYTES.get(self._form, "<i8"), copy=False)).data)

    def _spell(self, texts: Any) -> None:
        """Add texts without a null: their lengths and their bytes."""
        _, offsets, data = texts.buffers()
        edges = np.frombuffer(offsets, "<i8", len(texts) + 1, 8 * texts.offset)
        self._lengths.update(np.diff(edges).data)
        if data is not None:
            self._data.update(memoryview(data)[edges[0] : edges[-1]])


_EMPTY = {"string": "", "binary": b""}
"""Form of texts to what a null is hashed as."""
_BYTES = {"bool": "u1", "float": "<f8", "uint64": "<u8"}
"""Form to how a value is hashed; all others as 8-byte integers."""


def _plain(arrow_type: Any) -> tuple[str, Any]:
    """What a type is to the digest, and the Arrow type that all like it are brought to."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(arrow_type):
        return _plain(arrow_type.value_type)
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return "string", pa.large_string()
    if types.is_binary(arrow_type) or types.is_large_binary(arrow_type) or types.is_binary_view(arrow_type):
        return "binary", pa.large_binary()
    if types.is_list(arrow_type) or types.is_large_list(arrow_type):
        return "list", pa.large_list(arrow_type.value_type)
    if types.is_boolean(arrow_type):
        return "bool", arrow_type
    if types.is_uint64(arrow_type):
        return "uint64", arrow_type
    if types.is_integer(arrow_type):
        return "integer", pa.int64()
    if types.is_floating(arrow_type):
        return "float", pa.float64()
    if types.is_timestamp(arrow_type):
        return str(arrow_type), pa.int64()
    raise TypeError(f"no digest is laid down for columns of {arrow_type}")
