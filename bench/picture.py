"""A drawing of figures over time, as an SVG that reads in the light and in the dark and needs nothing else."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 420, 60, 150, 46, 40
COLOURS = ("#2a78d6", "#d97706", "#0f9d75", "#b3439b", "#c0392b", "#6b7280", "#7c5cff", "#5b8c00")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:15px;font-weight:600}"
    ".grid{stroke:#8884;stroke-width:1}.line{fill:none;stroke-width:2}.mark{stroke:#c0392b;stroke-width:1;opacity:.45}"
    "@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)


def drawing(
    title: str, unit: str, at_min: Sequence[float], series: Mapping[str, Sequence[float]], marks_min: Sequence[float]
) -> str:
    """Lines by name over minutes; `marks_min` are ticks below, such as faults. A name ends its line."""
    top = max((value for line in series.values() for value in line), default=1.0) * 1.05 or 1.0
    last = max(at_min, default=1.0) or 1.0

    def x(minute: float) -> float:
        return LEFT + minute / last * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>']
    for step in range(6):
        value = top / 5 * step
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
        minute = last / 5 * step
        parts.append(f'<text x="{x(minute):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{minute:.0f} min</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end">{escape(unit)}</text>')
    foot = HEIGHT - BOTTOM
    for at in map(x, marks_min):
        parts.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{foot}" y2="{foot + 8}"/>')
    taken: list[float] = []
    for number, (name, line) in enumerate(sorted(series.items(), key=lambda item: item[1][-1])):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(minute):.1f},{y(value):.1f}" for minute, value in zip(at_min, line, strict=True))
        parts.append(f'<polyline class="line" stroke="{colour}" points="{points}"/>')
        place = min([y(line[-1]), *(other - 15 for other in taken)])
        taken.append(place)
        label = f"{escape(name)} {line[-1]:,.0f}"
        parts.append(f'<text x="{x(last) + 8:.1f}" y="{place + 4:.1f}" style="fill:{colour}">{label}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title><style>{STYLE}</style>", *parts, "</svg>\n"])
