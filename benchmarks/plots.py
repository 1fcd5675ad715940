"""Plots as SVG, written by hand: lines against a logarithmic size, and dots on a logarithmic scale."""
from html import escape
from math import ceil, floor, log10

COLOURS = ["#0b5fa5", "#d1495b", "#2e8540", "#e08e0b", "#6f4a8e", "#14808a", "#8a5a2b", "#555555"]
STYLE = """<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #222 }
.title { font-size: 16px; font-weight: 600 } .note { fill: #666 }
.grid { stroke: #e3e3e3 } .minor { stroke: #f2f2f2 } .axis { stroke: #888 }
</style>"""


LARGER = {"ns": ["ns", "µs", "ms", "s"], "B": ["B", "kB", "MB", "GB"]}


def quantity(x, unit):
    """A value as a reader likes it: three digits, in the unit that fits."""
    units = LARGER.get(unit, [unit])
    while len(units) > 1 and x >= 999.5:
        x, units = x / 1000, units[1:]
    return f"{x:,.3g} {units[0]}" if x < 999.5 else f"{x:,.0f} {units[0]}".rstrip()


class Svg:
    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">', STYLE,
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
        self.text(16, 26, title, cls="title")

    def text(self, x, y, words, anchor="start", cls="", fill="", more=""):
        cls = f' class="{cls}"' if cls else ""
        fill = f' style="fill:{fill}"' if fill else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{cls}{fill}{more}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, cls):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{cls}"/>')

    def dot(self, x, y, colour, what, radius=4.5):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}">'
                          f'<title>{escape(what)}</title></circle>')

    def path(self, points, colour, dashed):
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dashes = ' stroke-dasharray="6 4"' if dashed else ""
        self.parts.append(f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')

    def note(self, words, height):
        self.text(16, height - 10, words, cls="note")

    def done(self):
        return "\n".join([*self.parts, "</svg>", ""])


def decades(values):
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return low, max(high, low + 1)


def spread(labels, gap):
    """Moves labels (y, …) apart, so that none covers another."""
    labels = sorted(labels)
    for _ in range(100):
        for a, b in zip(labels, labels[1:]):
            if (short := gap - (b[0] - a[0])) > 0.01:
                a[0] -= short / 2
                b[0] += short / 2
    return labels


def curves(title, x_label, unit, series, note=""):
    """series: (label, {x: y}, dashed). Both scales are logarithmic; each line has its label at its end."""
    series = [s for s in series if s[1]]
    if not series:
        return None
    left, right, top, bottom, width, height = 76, 270, 44, 80, 920, 480
    x_low, x_high = decades([x for _, points, _ in series for x in points])
    y_low, y_high = decades([y for _, points, _ in series for y in points.values()])
    svg = Svg(width, height, title)

    def at(x, y):
        return (left + (log10(x) - x_low) / (x_high - x_low) * (width - left - right),
                height - bottom - (log10(y) - y_low) / (y_high - y_low) * (height - top - bottom))

    for e in range(y_low, y_high + 1):
        for m in range(2, 10):
            if e < y_high:
                y = at(10 ** x_low, m * 10 ** e)[1]
                svg.line(left, y, width - right, y, "minor")
    for e in range(y_low, y_high + 1):
        y = at(10 ** x_low, 10 ** e)[1]
        svg.line(left, y, width - right, y, "grid")
        svg.text(left - 8, y + 4, quantity(10.0 ** e, unit), "end")
    for e in range(x_low, x_high + 1):
        x = at(10 ** e, 10 ** y_low)[0]
        svg.line(x, top, x, height - bottom, "grid")
        svg.text(x, height - bottom + 20, quantity(10.0 ** e, ""), "middle")
    svg.line(left, height - bottom, width - right, height - bottom, "axis")
    svg.line(left, top, left, height - bottom, "axis")
    svg.text((left + width - right) / 2, height - bottom + 42, x_label, "middle")
    svg.note(note, height)

    labels = []
    for i, (label, points, dashed) in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        line = [at(x, y) for x, y in sorted(points.items())]
        svg.path(line, colour, dashed)
        for (x, y), place in zip(sorted(points.items()), line):
            svg.dot(*place, colour, f"{label}: {quantity(y, unit)} at {x:,}", 3)
        labels.append([line[-1][1], line[-1][0], colour, f"{label}  {quantity(max(points.items())[1], unit)}"])
    for y, x, colour, words in spread(labels, 17):
        svg.text(x + 10, y + 4, words, fill=colour)
    return svg.done()


def dots(title, unit, groups, note=""):
    """groups: (label, [(who, value)]). One line of dots for each group, on one logarithmic scale."""
    groups = [(label, [(who, v) for who, v in values if v]) for label, values in groups]
    groups = [g for g in groups if g[1]]
    if not groups:
        return None
    whos = list(dict.fromkeys(who for _, values in groups for who, _ in values))
    left, right, top, row, width = 250, 40, 78, 44, 900
    height = top + row * len(groups) + 66
    low, high = decades([v for _, values in groups for _, v in values])
    svg = Svg(width, height, title)
    x = 16
    for i, who in enumerate(whos):
        svg.dot(x + 5, 48, COLOURS[i % len(COLOURS)], who)
        svg.text(x + 15, 52, who)
        x += 34 + 7.6 * len(who)

    def at(value):
        return left + (log10(value) - low) / (high - low) * (width - left - right)

    for value in [m * 10.0 ** e for e in range(low, high) for m in (1, 2, 5)] + [10.0 ** high]:
        svg.line(at(value), top - 10, at(value), height - 58, "grid")
        svg.text(at(value), height - 40, quantity(value, unit), "middle")
    for n, (label, values) in enumerate(groups):
        y = top + row * n + row / 2
        svg.line(left, y, width - right, y, "grid")
        svg.text(16, y + 4, label)
        place = []
        for who, value in values:
            colour = COLOURS[whos.index(who) % len(COLOURS)]
            svg.dot(at(value), y, colour, f"{label}: {who}: {quantity(value, unit)}")
            place.append((at(value), quantity(value, unit), colour))
        # Numbers stand above their dots in turn with below, moved to the right where there is no room.
        taken = {True: -1e9, False: -1e9}
        for x, words, colour in sorted(place):
            half = 3.6 * len(words)
            above = x - half > taken[True] or taken[True] <= taken[False]
            x = max(x, taken[above] + half)
            svg.text(x, y - 9 if above else y + 19, words, "middle", fill=colour)
            taken[above] = x + half + 6
    svg.note(note, height)
    return svg.done()
