"""The page that holds the pictures: one file, no script, nothing fetched."""

from html import escape
from typing import Any, Final

from confide.app.pictures.figures import figures

_STYLE: Final = """\
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem }
main { display: grid; gap: 1.5rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)) }
figure { margin: 0 } h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 0 0 .2rem }
figcaption { color: #555; font-size: .85rem; min-height: 2.6rem }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif } svg text { fill: #333 }
.grid { stroke: #e4e4e4; stroke-width: 1 }
.note { paint-order: stroke; stroke: #fff; stroke-width: 4px }"""


def page(task: str, metrics: dict[str, Any], curve: list[dict[str, float]], kind: str = "Training") -> str:
    """HTML of all that the report has the numbers for; "" if there is nothing to draw."""
    drawn = figures(metrics, curve)
    if not drawn:
        return ""
    parts = [
        f"<figure><h2>{escape(title)}</h2><figcaption>{escape(text)}</figcaption>\n{svg}\n</figure>"
        for title, text, svg in drawn
    ]
    title = escape(f"{kind} '{task}'")
    rows = metrics.get("joint", {}).get("rows_held_out")
    told = f"<p>Measured on {rows:,} held-out rows, in the enclave.</p>" if rows else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>\n'
        f"<style>\n{_STYLE}\n</style></head>\n<body><h1>{title}</h1>{told}\n<main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )
