"""Collect the world's drawings from the Iconify icon sets, one JSON file an artist.

    npm pack @iconify-json/noto ... && tar xzf ... ; python -m recipe.drawings.collect FOLDER

FOLDER holds one unpacked package per artist, as FOLDER/<artist>/package/{icons,info}.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from recipe.artwork import HELD_OUT_ARTIST, SEEN_ARTISTS
from recipe.edition import ICONS
from recipe.folders import DRAWINGS

BOX = {"left": 0, "top": 0, "width": 16, "height": 16}  # Iconify's defaults


def main() -> None:
    for artist in (*SEEN_ARTISTS, HELD_OUT_ARTIST):
        package = Path(sys.argv[1]) / artist / "package"
        icons = json.loads((package / "icons.json").read_text(encoding="utf-8"))
        info = json.loads((package / "info.json").read_text(encoding="utf-8"))
        record = {
            "source": {k: info[k] for k in ("name", "author", "license")},
            "svg": {word: svg(icons, name) for word, name in ICONS.items()},
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (DRAWINGS / f"{artist}.json").write_text(text, encoding="utf-8")


def svg(icons: dict, name: str) -> str:
    """An icon of a set as a whole SVG file."""
    while name in icons.get("aliases", {}):
        name = icons["aliases"][name]["parent"]
    icon = icons["icons"][name]
    box = " ".join(str(icon.get(k, icons.get(k, default))) for k, default in BOX.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{box}">{icon["body"]}</svg>'
    )


if __name__ == "__main__":
    main()
