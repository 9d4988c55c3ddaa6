"""Tables as files: CSV that a spreadsheet opens as it is, and XLSX (pure: values in, bytes out).

- CSV is UTF-8 with a byte order mark, or Excel reads Vietnamese as rubbish. A text that a spreadsheet would take for a
  formula gets an apostrophe before it.
- XLSX has numbers as numbers and texts as texts; the headings stay in sight and are repeated on each printed page.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHEET_LETTERS = 31
_WIDEST, _NARROWEST = 48, 9

Value = str | int | float | None


class Kind(StrEnum):
    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    SHARE = "share"  # 0.986 is shown as 98.6 %


class Column(Struct, frozen=True):
    heading: str
    kind: Kind = Kind.WHOLE


class Table(Struct, frozen=True, kw_only=True):
    """`total` is a last row; `notes` say what it is of, `warning` what is not in it, which CSV has below all rows."""

    title: str
    notes: tuple[str, ...] = ()
    warning: str = ""
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Value]]
    total: Sequence[Value] | None = None


def csv_of(table: Table) -> bytes:
    """The headings and the rows, the total last; below it the warning, where there is one."""
    rows = [*table.rows, *([table.total] if table.total is not None else [])]
    return b"".join(csv_parts(table.columns, [rows], table.warning))


def csv_parts(
    columns: Sequence[Column], parts: Iterable[Sequence[Sequence[Value]]], warning: str = ""
) -> Iterator[bytes]:
    """The same bit by bit: of so many rows at a time as come together."""
    yield b"\xef\xbb\xbf" + _csv([[column.heading for column in columns]])
    for rows in parts:
        yield _csv([_plain(value) for value in row] for row in rows)
    if warning:
        yield _csv([[warning, *[""] * (len(columns) - 1)]])


def xlsx_of(table: Table) -> bytes:
    """One sheet: title and notes, headings, rows, total."""
    import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415 -- only who wants a file waits for it

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(_sheet_name(table.title))
    looks = {kind: book.add_format({"num_format": _NUMBERS[kind]}) for kind in Kind}
    sums = {kind: book.add_format({"num_format": _NUMBERS[kind], "bold": True, "top": 1}) for kind in Kind}
    sheet.write_string(0, 0, table.title, book.add_format({"bold": True, "font_size": 14}))
    notes = (*table.notes, *([table.warning] if table.warning else []))
    for line, note in enumerate(notes, 1):
        sheet.write_string(line, 0, note)
    top = len(notes) + 2
    heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    for place, column in enumerate(table.columns):
        sheet.write_string(top, place, column.heading, heading)
        sheet.set_column(place, place, _width(table, place))
    for line, row in enumerate(table.rows, top + 1):
        _write(sheet, line, row, table.columns, looks)
    if table.total is not None:
        _write(sheet, top + 1 + len(table.rows), table.total, table.columns, sums)
    sheet.freeze_panes(top + 1, 1)
    sheet.repeat_rows(top)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()


_NUMBERS = {Kind.TEXT: "@", Kind.WHOLE: "#,##0", Kind.REAL: "0.0####", Kind.SHARE: "0.0%"}


def _write(
    sheet: object, line: int, row: Sequence[Value], columns: Sequence[Column], looks: dict[Kind, object]
) -> None:
    for place, (value, column) in enumerate(zip(row, columns, strict=True)):
        if value is None:
            sheet.write_blank(line, place, None, looks[column.kind])  # type: ignore[attr-defined]
        elif isinstance(value, str):
            sheet.write_string(line, place, value, looks[column.kind])  # type: ignore[attr-defined]
        else:
            sheet.write_number(line, place, value, looks[column.kind])  # type: ignore[attr-defined]


def _width(table: Table, place: int) -> int:
    if table.columns[place].kind is not Kind.TEXT:
        return _NARROWEST + 2
    longest = max((len(str(row[place] or "")) for row in table.rows), default=0)
    return max(_NARROWEST, min(_WIDEST, longest + 2))


def _sheet_name(title: str) -> str:
    return "".join(letter for letter in title if letter not in "[]:*?/\\'")[:_SHEET_LETTERS] or "Loa"


def _csv(rows: Iterable[Sequence[Value]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _plain(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
