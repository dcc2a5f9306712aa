"""HTML and SVG that can't be broken by what users write: text is escaped unless it is `Markup`."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence

_VOID = frozenset({"br", "img", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | float | None
"""What an element holds: markup as it is, other text escaped, nothing for None."""


def escaped(content: Content) -> Markup:
    """Return content as markup.

    Examples
    --------
    >>> escaped("<b>"), escaped(Markup("<b>"))
    ('&lt;b&gt;', '<b>')
    """
    if isinstance(content, Markup):
        return content
    return Markup("" if content is None else html.escape(str(content)))


def element(name: str, /, *content: Content, **attributes: Content) -> Markup:
    """Return an element.

    Parameters
    ----------
    name : str
    *content : str, float or None
    **attributes : str, float or None
        ``class_`` stands for ``class`` and ``aria_label`` for ``aria-label``; None leaves one out.

    Examples
    --------
    >>> element("p", "1 < 2", element("br"), class_="note", id=None)
    '<p class="note">1 &lt; 2<br></p>'
    """
    opening = name + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{joined(content)}</{name}>")


def joined(parts: Iterable[Content], between: str = "") -> Markup:
    """Return parts one after the other."""
    return Markup(between.join(escaped(part) for part in parts))


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Content]],
    text: Collection[int] = (),
) -> Markup:
    """Return a table whose first column names its rows; a narrow screen scrolls it sideways.

    Parameters
    ----------
    caption : str
    columns : sequence of str
        The headers.
    rows : iterable of sequences
        Of as many cells as there are columns.
    text : collection of int
        Which columns, beside the first, hold text: they begin at the left, numbers end at the
        right.
    """

    def look(place: int) -> str | None:
        return "text" if place == 0 or place in text else None

    head = [
        element("th", name, scope="col", class_=look(place)) for place, name in enumerate(columns)
    ]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", class_="text"),
            *(element("td", row[i], class_=look(i)) for i in range(1, len(columns))),
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    return element("div", whole, class_="scroll", role="region", tabindex="0", aria_label=caption)


def paragraph(*content: Content, class_: str | None = None) -> Markup:
    """Return a paragraph."""
    return element("p", *content, class_=class_)


def figure(caption: str, chart: Markup) -> Markup:
    """Return a chart with a caption."""
    return element("figure", element("figcaption", caption), chart)


def folded(summary: str, content: Markup) -> Markup:
    """Return content that is shown when its summary is touched."""
    return element("details", element("summary", summary), content)
