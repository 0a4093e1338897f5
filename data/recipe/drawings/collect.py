"""Collect the world's drawings from the Iconify icon sets, one JSON file an artist.

    npm pack @iconify-json/noto ... && tar xzf ... ; python collect.py FOLDER

FOLDER holds one unpacked package per artist, as FOLDER/<artist>/package/{icons,info}.json.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from world import HELD_OUT_ARTIST, OBJECTS, TRAIN_ARTISTS  # noqa: E402


def svg(icons: dict, name: str) -> str:
    while name in icons.get("aliases", {}):
        name = icons["aliases"][name]["parent"]
    icon = icons["icons"][name]
    box = [icon.get(k, icons.get(k, d)) for k, d in (("left", 0), ("top", 0), ("width", 16), ("height", 16))]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{" ".join(map(str, box))}">{icon["body"]}</svg>')  # fmt: skip


for artist in (*TRAIN_ARTISTS, HELD_OUT_ARTIST):
    package = Path(sys.argv[1]) / artist / "package"
    icons, info = (json.loads((package / f).read_text(encoding="utf-8")) for f in ("icons.json", "info.json"))
    drawings = {word: svg(icons, name) for word, name in OBJECTS.items()}
    source = {k: info[k] for k in ("name", "author", "license")}
    out = Path(__file__).parent / f"{artist}.json"
    out.write_text(json.dumps({"source": source, "svg": drawings}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
