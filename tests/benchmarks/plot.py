"""Draws the requests a second of everybody as an SVG that reads well on light and on dark paper."""

from collections.abc import Mapping, Sequence
from html import escape

_BAR, _GAP, _ROW, _LEFT, _WIDTH, _TOP = 14, 3, 46, 210, 760, 56
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 12px; fill: #59636e }
  .one { fill: #0969da } .eight { fill: #8250df } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 }
    .one { fill: #4493f8 } .eight { fill: #ab7df8 } .axis { stroke: #3d444d }
  }
"""


def draw(rates: Mapping[str, Mapping[str, float]], title: str, note: str) -> str:
    """One row for each name, the fastest on top, a bar for one client and one for eight."""
    rows = sorted(rates.items(), key=lambda item: -max(item[1].values()))
    longest = max(max(bars.values()) for _, bars in rows)
    height = _TOP + _ROW * len(rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="18">{escape(title)}</text>',
        *_legend(),
    ]
    for number, (name, bars) in enumerate(rows):
        parts += _row(name, bars, _TOP + number * _ROW, longest)
    bottom = height - 24
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP - 8}" y2="{bottom}"/>')
    parts.append(f'<text class="small" x="0" y="{height - 6}">{escape(note)}</text></svg>')
    return "\n".join(parts) + "\n"


def _legend() -> list[str]:
    places = (("one", "1 client", 0), ("eight", "8 clients", 90))
    return [
        f'<rect class="{kind}" x="{_LEFT + at}" y="29" width="11" height="11" rx="2"/>'
        f'<text class="small" x="{_LEFT + at + 16}" y="39">{words}</text>'
        for kind, words, at in places
    ]


def _row(name: str, bars: Mapping[str, float], top: int, longest: float) -> Sequence[str]:
    drawn = [f'<text x="{_LEFT - 10}" y="{top + 20}" text-anchor="end">{escape(name)}</text>']
    for number, (clients, kind) in enumerate((("1", "one"), ("8", "eight"))):
        if clients not in bars:
            continue
        at = top + number * (_BAR + _GAP)
        width = bars[clients] / longest * (_WIDTH - _LEFT - 80)
        drawn.append(f'<rect class="{kind}" x="{_LEFT}" y="{at}" width="{width:.1f}" height="{_BAR}" rx="2"/>')
        drawn.append(f'<text class="small" x="{_LEFT + width + 6:.1f}" y="{at + 12}">{bars[clients]:,.0f}</text>')
    return drawn
