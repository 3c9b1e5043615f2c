"""Write the dashboard's folder: pages, chart library, data for pages and for scripts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from enginebench import assets
from enginebench.site.data import collect
from enginebench.store import Store


def build(store: Store, out: Path) -> Path:
    """Build the dashboard of `store` in `out`; gives its `index.html`.

    Built aside and swapped in, so that a crash leaves the old one: under its name or, between the two renames, as
    `<out>.old`, which the next build puts back first. The chart library is plotly.js as the `plotly`
    package carries it: kept by others, self-contained, with intervals, zoom and log scales built in.
    """
    import plotly

    aside, old = out.with_name(out.name + ".making"), out.with_name(out.name + ".old")
    if old.exists() and not out.exists():
        old.rename(out)  # the last build was killed between its two renames
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name in ("index.html", "app.js", "style.css"):
        shutil.copyfile(assets.root() / "dashboards" / name, aside / name)
    shutil.copyfile(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", aside / "plotly.min.js")
    text = json.dumps(collect(store), sort_keys=True, allow_nan=False)
    (aside / "data.json").write_text(text, encoding="utf-8")
    # A page opened from disk may not fetch a file, but it may load a script.
    (aside / "data.js").write_text(f"window.ENGINEBENCH = {script_safe(text)};\n", encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    aside.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out / "index.html"


def script_safe(text: str) -> str:
    """JSON that no browser can take for the end of a script."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
