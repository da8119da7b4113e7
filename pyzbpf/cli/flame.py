"""Counted stacks as files that other programs read, and as a flame graph: a picture in one file. Pure."""

from __future__ import annotations

import json
from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Frames from the outermost to the innermost, and how often they were seen.
    Samples = Sequence[tuple[tuple[str, ...], int]]

_WIDTH, _ROW, _CHARACTER = 1200, 17, 7.2
_SMALLEST = 0.3  # narrower boxes are left out, in pixels


def folded(samples: Samples, _: str = "") -> str:
    """A line for each stack, ``outer;inner count``: what flamegraph.pl, inferno and speedscope read."""
    return "".join(f"{';'.join(map(_clean, frames))} {count}\n" for frames, count in samples)


def _clean(frame: str) -> str:
    return frame.replace(";", ":").replace("\n", " ")


def speedscope(samples: Samples, title: str) -> str:
    """A sampled profile for speedscope."""
    numbers: dict[str, int] = {}
    stacks = [[numbers.setdefault(frame, len(numbers)) for frame in frames] for frames, _ in samples]
    weights = [count for _, count in samples]
    profile = {
        "type": "sampled", "name": title, "unit": "none", "startValue": 0, "endValue": sum(weights),
        "samples": stacks, "weights": weights,
    }  # fmt: skip
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": name} for name in numbers]},
        "profiles": [profile],
        "name": title,
        "exporter": "pyzbpf",
    }
    return json.dumps(document, separators=(",", ":"))


class _Box:
    """A function called by the one below it, and what it calls."""

    __slots__ = ("children", "count")

    def __init__(self) -> None:
        self.count = 0
        self.children: dict[str, _Box] = {}


def svg(samples: Samples, title: str) -> str:
    """A flame graph: a box for each function on the one that called it, as wide as it was seen often.

    Pointing at a box shows its whole name, count and share; a click goes into it (a few lines of script).
    """
    root = _Box()
    for frames, count in samples:
        root.count += count
        box = root
        for frame in frames:
            box = box.children.setdefault(frame, _Box())
            box.count += count
    rows: list[str] = []
    deepest = _draw(root, "all", depth=0, start=0.0, whole=root.count or 1, rows=rows) + 1
    height = deepest * _ROW + 60
    body = "\n".join(row.replace("@Y@", str(height)) for row in rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%" font-family="monospace" '
        f'font-size="12">\n<style>g:hover rect{{stroke:#000}}text{{pointer-events:none}}</style>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n<text x="{_WIDTH / 2}" y="22" text-anchor="middle" '
        f'font-size="16">{escape(title)}</text>\n<g transform="translate(0,{height - 30})">\n{body}\n</g>\n{_SCRIPT}</svg>\n'
    )


def _draw(box: _Box, name: str, *, depth: int, start: float, whole: int, rows: list[str]) -> int:
    """Add the boxes from this one up; the depth of the deepest."""
    scale = _WIDTH / whole
    width = box.count * scale
    if width < _SMALLEST:
        return depth
    share = 100 * box.count / whole
    room = int((width - 6) / _CHARACTER)
    shown = name if len(name) <= room else name[: room - 2] + ".." if room > 4 else ""
    y = -(depth + 1) * _ROW
    rows.append(
        f'<g data-x="{start:.2f}" data-w="{width:.2f}" data-d="{depth}"><title>{escape(name)}: {box.count} samples, '
        f'{share:.2f}%</title><rect x="{start:.2f}" y="{y}" width="{width:.2f}" height="{_ROW - 1}" fill="{_colour(name)}"/>'
        f'<text x="{start + 3:.2f}" y="{y + 12}">{escape(shown)}</text></g>'
    )
    deepest, left = depth, start
    for child, inner in sorted(box.children.items()):
        deepest = max(deepest, _draw(inner, child, depth=depth + 1, start=left, whole=whole, rows=rows))
        left += inner.count * scale
    return deepest


def _colour(name: str) -> str:
    """Warm for processes, blue for the kernel; the same for the same name, in every picture."""
    number = 0
    for letter in name:
        number = (number * 31 + ord(letter)) & 0xFFFF
    hue = 205 + number % 20 if name.endswith("_[k]") else 15 + number % 40
    return f"hsl({hue},{70 + number % 20}%,{62 + number % 12}%)"


_SCRIPT = """<script><![CDATA[
(function () {
  var boxes = Array.prototype.slice.call(document.querySelectorAll("g[data-w]"));
  function name(box) { return box.querySelector("title").textContent.replace(/: \\d+ samples.*$/, ""); }
  function into(chosen) {
    var x = +chosen.dataset.x, w = +chosen.dataset.w, full = 1200;
    boxes.forEach(function (box) {
      var left = +box.dataset.x, wide = +box.dataset.w, below = +box.dataset.d < +chosen.dataset.d;
      var covers = left <= x + 0.01 && left + wide >= x + w - 0.01, inside = left >= x - 0.01 && left + wide <= x + w + 0.01;
      var shown = below ? covers : inside;
      box.style.display = shown ? "" : "none";
      if (!shown) { return; }
      var at = below ? 0 : (left - x) / w * full, size = below ? full : wide / w * full;
      var rect = box.querySelector("rect"), text = box.querySelector("text"), room = Math.floor((size - 6) / 7.2), whole = name(box);
      rect.setAttribute("x", at); rect.setAttribute("width", size); text.setAttribute("x", at + 3);
      text.textContent = whole.length <= room ? whole : room > 4 ? whole.slice(0, room - 2) + ".." : "";
    });
  }
  boxes.forEach(function (box) { box.addEventListener("click", function () { into(box); }); });
})();
]]></script>
"""

# The end of a file's name -> how it is written.
FORMATS: dict[str, Callable[[Samples, str], str]] = {
    ".svg": svg,
    ".folded": folded,
    ".speedscope.json": speedscope,
}
