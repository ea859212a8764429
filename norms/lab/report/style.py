"""How a report looks: one colour, marker and line per norm, in light and in dark."""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple
import zlib

import matplotlib
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = '#1c2128', '#5b6470', '#d9dee4', '#ffffff'
WIDTH, DPI = 9.6, 120  # of a full-width figure, in inches

# Colours that colour-blind readers can tell apart, for light paper and for dark.
PALETTE = (
  ('#5f6770', '#b4bcc6'),  # grey
  ('#0067a8', '#58aef0'),  # blue
  ('#cf5300', '#ff9148'),  # vermilion
  ('#008a64', '#35c99b'),  # green
  ('#a87400', '#e3b53b'),  # ochre
  ('#7a44b8', '#b999f2'),  # purple
  ('#c2528b', '#f09ac4'),  # pink
  ('#0e8fb0', '#5fd0e6'),  # cyan
  ('#8a3b2a', '#d98f7c'),  # brown
)
MARKERS = 'osD^vPXph<>d'
LINES = ('-', (0, (5, 1.6)), (0, (6, 1.5, 1.2, 1.5)), (0, (1.2, 1.2)), (0, (3, 1, 1, 1, 1, 1)))

# norm: (colour, marker, line); the nine that reports show most have a colour each.
KNOWN = {
  'none': (0, 'X', 3),
  'batch': (1, 's', 1),
  'layer': (2, 'o', 0),
  'group': (3, '^', 2),
  'rms': (4, 'D', 4),
  'weight': (5, 'P', 1),
  'instance': (6, 'v', 2),
  'ghost': (8, 'h', 4),
  'mean_only': (7, '<', 3),
  'switchable': (8, 'd', 1),
  'dyt': (3, 'd', 0),
  'derf': (3, '>', 3),
  'spectral': (5, 'd', 3),
}

RC: Any = {  # a checker knows matplotlib's settings one by one, and takes no dict of text for them
  'font.family': 'sans-serif',
  'font.sans-serif': ['DejaVu Sans'],
  'font.size': 9,
  'axes.titlesize': 9.5,
  'axes.titley': 1.0,  # where it would be: left to itself matplotlib measures every tick for it
  'axes.labelsize': 9,
  'axes.edgecolor': MUTED,
  'axes.labelcolor': INK,
  'axes.titlecolor': INK,
  'axes.linewidth': 0.7,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'axes.grid': True,
  'axes.axisbelow': True,
  'grid.color': GRID,
  'grid.linewidth': 0.6,
  'xtick.color': MUTED,
  'ytick.color': MUTED,
  'xtick.labelcolor': INK,
  'ytick.labelcolor': INK,
  'xtick.labelsize': 8.5,
  'ytick.labelsize': 8.5,
  'text.color': INK,
  'figure.facecolor': PAPER,
  'axes.facecolor': PAPER,
  'legend.frameon': False,
  'legend.fontsize': 9,
  'hatch.linewidth': 0.5,
  'svg.fonttype': 'none',
  # Ids of a fixed salt, so that the same figure is the same file.
  'svg.hashsalt': 'norms',
  'path.simplify': True,
}


class Sheet(Figure):
  """A figure that a notebook shows, also where nothing has imported matplotlib.pyplot."""

  def _repr_png_(self) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.rc_context(RC):
      self.savefig(buffer, format='png', dpi=DPI)
    return buffer.getvalue()


class Look(NamedTuple):
  """How the lines of one norm look."""

  colour: str
  number: int  # of its colour in PALETTE
  marker: str
  line: str | tuple[float, tuple[float, ...]]  # as matplotlib takes it


def look(norm: str) -> Look:
  """The same for a norm in every figure of every report; of a user's norm, from its name."""
  # Not Python's hash of a text, which is another in each process.
  code = zlib.crc32(norm.encode())
  derived = (1 + code % (len(PALETTE) - 1), MARKERS[code // 16 % len(MARKERS)], code // 256 % 5)
  index, marker, line = KNOWN.get(norm, derived)
  return Look(PALETTE[index][0], index, marker, LINES[line])


def inline(svg: str, name: str) -> str:
  """A figure's SVG for the page: its colours follow the page's, its ids are its own."""
  svg = svg[svg.index('<svg') :]
  svg = re.sub(r'<metadata>.*?</metadata>\s*', '', svg, flags=re.DOTALL)
  # Several figures share a page, in which ids must be unique.
  svg = re.sub(r'(\bid="|href="#|url\(#)', rf'\g<1>{name}-', svg)
  # Those of an entry of the legend, by which the page's script finds them.
  svg = re.sub(r' id="[\w-]*?-(entry|key)-(\d+)-\w+"', r'\g<0> data-\1="\2"', svg)
  # Colours become variables, which the page sets for light and for dark paper.
  variables = {light: f'var(--c{i})' for i, (light, _) in enumerate(PALETTE)}
  variables |= {INK: 'var(--ink)', MUTED: 'var(--muted)', GRID: 'var(--line)'}
  variables |= {PAPER: 'var(--card)'}
  svg = re.sub('|'.join(variables), lambda match: variables[match[0]], svg)
  return re.sub(r'<svg[^>]*? viewBox="0 0 ([\d.]+) [^>]*>', _fluid, svg, count=1).strip()


def _fluid(opening: re.Match[str]) -> str:
  """An opening <svg> that shrinks with the page and keeps the sizes of letters alike."""
  tag = re.sub(r' (width|height|version)="[^"]*"', '', opening[0])
  share = min(100.0, 100 * float(opening[1]) / (72 * WIDTH))
  return tag.replace('<svg', f'<svg style="max-width:{share:.4g}%"', 1)


def css_colours(dark: bool) -> str:
  """The palette as CSS variables."""
  return ' '.join(f'--c{i}: {pair[dark]};' for i, pair in enumerate(PALETTE))
