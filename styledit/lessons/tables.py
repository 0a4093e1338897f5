"""Tables of the lessons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def mean_and_range(numbers: Sequence[float], digits: int = 1) -> str:
    """The mean of some numbers with their range, "24.1 (18.0 to 29.3)".

    Raises:
        ValueError: there are none.
    """
    if not numbers:
        raise ValueError("There are no numbers to take the mean of.")
    mean = sum(numbers) / len(numbers)
    return f"{mean:.{digits}f} ({min(numbers):.{digits}f} to {max(numbers):.{digits}f})"


def table_html(
    rows: Mapping[str, Sequence[str]], head: Sequence[str], best: Sequence[Sequence[str]] = ()
) -> str:
    """A table of a lesson as HTML, in letters that are read from the last row.

    Args:
        rows: {name: cells}.
        head: the names of the columns, that of the first one included.
        best: for each column of cells, the names of the rows whose cell is set in bold.
    """
    left = "text-align:left;padding:3px 14px 3px 0"
    right = "text-align:right;padding:3px 14px"
    lines = ["".join(f'<th style="{right if k else left}">{name}</th>' for k, name in enumerate(head))]
    for name, cells in rows.items():
        marked = [
            f"<b>{cell}</b>" if k < len(best) and name in best[k] else cell for k, cell in enumerate(cells)
        ]
        line = f'<td style="{left}">{name}</td>'
        lines.append(line + "".join(f'<td style="{right}">{cell}</td>' for cell in marked))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="font-size:16px;margin:0.4em 0">{body}</table>'
