"""SVG as text. Colours are classes of the page's style sheet, so that light, dark and paper each have their own."""

from html import escape

CHARACTER = 6.4  # about the width of a character at 12 px: what is longer than its place is shortened


def text(x: float, y: float, words: str, *, kind: str = "", anchor: str = "") -> str:
    """One line of text; `kind` is a class, `anchor` is middle or end."""
    marks = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{marks}>{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, height: float, kind: str, *, round: float = 3, title: str = "") -> str:
    """A box; its title is what a pointer that rests there is told."""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'rx="{round:g}">{inside}</rect>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def picture(title: str, width: float, height: float, parts: list[str]) -> str:
    """The whole picture; its title is its alternative text."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def bar(share: float, title: str) -> str:
    """A share as a small bar."""
    wide = 100 * min(max(share, 0.0), 1.0)
    kind = "low" if share < 0.1 else "free"
    return (
        f'<svg class="bar" viewBox="0 0 100 8" width="100" height="8" role="img" aria-label="{escape(title)}" '
        f'preserveAspectRatio="none" xmlns="http://www.w3.org/2000/svg">'
        f"{rectangle(0, 0, 100, 8, 'empty', round=2)}{rectangle(0, 0, wide, 8, kind, round=2)}</svg>"
    )
