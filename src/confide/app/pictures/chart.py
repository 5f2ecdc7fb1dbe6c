"""One chart as SVG text: axes with round ticks, lines, dots, bars, whiskers, and a legend."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 460
HEIGHT: Final = 340
LEFT: Final = 62
RIGHT: Final = 18
TOP: Final = 18
BOTTOM: Final = 46
_TICKS: Final = 5
_LEGEND_LINE: Final = 18

Point = tuple[float, float]
Span = tuple[float, float]


def ticks(span: Span, *, whole: bool = False) -> list[float]:
    """Round numbers inside a span: about five, 1, 2 or 5 times a power of ten apart; or `whole` ones only."""
    low, high = span
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def spanning(values: Sequence[float], *, room: float = 0.06, zero: bool = False) -> Span:
    """From the least to the greatest, with some room; never empty."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    width = high - low or abs(high)  # one too small for a fraction of it counts as none
    space = (width if width * room else 1.0) * room
    return (low if zero and low == 0 else low - space, high if zero and high == 0 else high + space)


class Form(NamedTuple):
    """What differs between charts, beside their numbers."""

    left: int = LEFT
    height: int = HEIGHT
    rows: bool = False
    """The vertical axis has names (`Chart.row_name`) in place of numbers."""
    whole: bool = False
    """The horizontal axis counts."""


PLAIN: Final = Form()


class Chart:
    """Drawn in the order of the calls; `svg` ends it."""

    def __init__(self, x: Span, y: Span, names: tuple[str, str], form: Form = PLAIN) -> None:
        """`names` of the two axes."""
        self._x, self._y, self._names, self._form = x, y, names, form
        self._left, self._height = form.left, form.height
        self._parts: list[str] = []
        self._legend: list[tuple[str, str]] = []

    def place(self, point: Point) -> Point:
        """From the chart's numbers to the picture's."""
        (x_low, x_high), (y_low, y_high) = self._x, self._y
        across = self._left + (point[0] - x_low) / (x_high - x_low) * (WIDTH - self._left - RIGHT)
        down = TOP + (y_high - point[1]) / (y_high - y_low) * (self._height - TOP - BOTTOM)
        return across, down

    def line(self, points: Sequence[Point], colour: str, name: str = "", *, dashed: bool = False) -> None:
        """Through all points; with a name it has an entry in the legend."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.place, points))
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self._add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        if name:
            self._legend.append((colour, name))

    def dots(self, points: Sequence[Point], colour: str) -> None:
        """A mark at each point."""
        for x, y in map(self.place, points):
            self._add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def bar(self, row: float, value: float, thickness: float, colour: str) -> None:
        """Lying, from 0 to the value, in the row's middle."""
        (start, middle), (end, _) = self.place((0, row)), self.place((value, row))
        half = thickness * abs(self.place((0, 0))[1] - self.place((0, 1))[1]) / 2
        self._add(
            f'<rect x="{min(start, end):.1f}" y="{middle - half:.1f}" width="{abs(end - start):.1f}" '
            f'height="{2 * half:.1f}" fill="{colour}"/>'
        )

    def whisker(self, row: float, span: Span, colour: str) -> None:
        """A lying line with ends: an interval."""
        (start, y), (end, _) = self.place((span[0], row)), self.place((span[1], row))
        path = f"M{start:.1f} {y - 5:.1f}v10M{start:.1f} {y:.1f}H{end:.1f}M{end:.1f} {y - 5:.1f}v10"
        self._add(f'<path d="{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>')

    def row_name(self, row: float, text: str) -> None:
        """Left of the axis."""
        y = self.place((0, row))[1]
        self._add(f'<text x="{self._left - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>')

    def note(self, point: Point, text: str) -> None:
        """Above a point."""
        x, y = self.place(point)
        self._add(
            f'<text class="note" x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{escape(text)}</text>'
        )

    def _add(self, part: str) -> None:
        self._parts.append(part)

    def svg(self) -> str:
        """The whole picture."""
        body = [
            *self._grid_across(),
            *self._grid_up(),
            *self._axis_names(),
            *self._parts,
            *self._told_legend(),
        ]
        above = _LEGEND_LINE * len(self._legend)
        box = f"0 {-above} {WIDTH} {self._height + above}"
        head = f'<svg viewBox="{box}" role="img" xmlns="http://www.w3.org/2000/svg">'
        return "\n".join([head, *body, "</svg>"])

    def _grid_across(self) -> Iterator[str]:
        bottom, inside = self._height - BOTTOM, ticks(self._x, whole=self._form.whole)
        for value in inside:
            x = self.place((value, self._y[0]))[0]
            yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_told(value, inside)}</text>'

    def _grid_up(self) -> Iterator[str]:
        inside = [] if self._form.rows else ticks(self._y)
        for value in inside:
            y = self.place((self._x[0], value))[1]
            yield f'<line class="grid" x1="{self._left}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
            name = _told(value, inside)
            yield f'<text x="{self._left - 8}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'

    def _axis_names(self) -> Iterator[str]:
        across, up = map(escape, self._names)
        middle = (self._left + WIDTH - RIGHT) / 2
        yield f'<text x="{middle}" y="{self._height - 8}" text-anchor="middle">{across}</text>'
        if not self._form.rows:
            middle = (TOP + self._height - BOTTOM) / 2
            yield f'<text x="-{middle}" y="14" transform="rotate(-90)" text-anchor="middle">{up}</text>'

    def _told_legend(self) -> Iterator[str]:
        """Above the chart, where no line runs."""
        for number, (colour, name) in enumerate(reversed(self._legend)):
            y = TOP - 14 - number * _LEGEND_LINE
            yield f'<text x="{self._left}" y="{y}"><tspan fill="{colour}">━</tspan> {escape(name)}</text>'


def _told(value: float, inside: Sequence[float]) -> str:
    """As many decimals as the step between two ticks needs."""
    step = inside[1] - inside[0] if len(inside) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{min(decimals, 8)}f}"
