"""What the kit looks like, made anew: `make showcase`.

notebooks/showcase.html            real edits, maps to hover and an inversion to scrub, in one file
notebooks/pictures/edits.png       the strip of edits in the README
notebooks/pictures/00.png, ...      a strip of pictures from each lesson's outputs
notebooks/pictures/lab.gif         the lab in motion, recorded in a real browser (needs chromium)
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import tempfile
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw

import styledit
from browser import NotebookPage, find_browser, jupyter, open_browser, opener
from styledit.lab import attention_explorer
from styledit.lab.edit.samples import samples
from styledit.lessons.scrub import scrub
from styledit.previews import preview

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
STEPS = 15
TAUS = [k / 10 for k in range(11)]
EDITS = {  # lesson picture: target prompts
    "00_fox": (
        "an oil painting of a fox in the meadow",
        "a plain sticker of a panda in the meadow",
        "a plain sticker of a fox in the snow",
    ),
    "01_car": (
        "a plain sticker of a blue car on the beach",
        "a stained glass window of a red car on the beach",
    ),
    "12_owl": ("an oil painting of an owl and a blue balloon in the forest",),
}
MOST_HTML = 5 * 2**20
MOST_GIF = 2**19
COLOURS = 128  # of it
WIDTH = 1400  # of the recorded page, at most
THUMBS, THUMB = 4, 96  # pictures in a lesson's strip, and their side in pixels
STYLE = """
body { font: 18px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.8em; }
h2 { margin-top: 2em; }
iframe { width: 100%; height: 900px; border: 1px solid #ccc; }
"""


def main() -> None:
    pipe = styledit.load()
    there = {sample.name: sample for sample in samples()}
    editors = {}
    for name in EDITS:
        sample = there[name]
        inversion = styledit.invert(pipe, sample.picture, sample.prompt, STEPS, progress=False)
        values = styledit.fit_values(pipe, inversion, progress=False)
        editors[name] = styledit.Editor(pipe, inversion, values=values)
    (NOTEBOOKS / "pictures").mkdir(exist_ok=True)
    edits_strip(editors).save(NOTEBOOKS / "pictures" / "edits.png", optimize=True)
    for lesson in sorted(NOTEBOOKS.glob("[0-9A]*_*.ipynb")):
        lesson_strip(lesson).save(NOTEBOOKS / "pictures" / f"{lesson.name[:2]}.png", optimize=True)
    page = html(pipe, editors)
    if len(page.encode()) > MOST_HTML:
        raise SystemExit(f"The page has {len(page.encode()) / 2**20:.1f} MiB, and at most 5 are wanted.")
    (NOTEBOOKS / "showcase.html").write_text(page, encoding="utf-8")
    print(f"notebooks/showcase.html: {len(page.encode()) / 2**20:.1f} MiB")
    if find_browser() is None:
        print("No browser was found: notebooks/pictures/lab.gif stays as it is.")
        return
    moving = record()
    (NOTEBOOKS / "pictures" / "lab.gif").write_bytes(moving)
    print(f"notebooks/pictures/lab.gif: {len(moving) / 2**20:.2f} MiB")


def edits_strip(editors: dict[str, styledit.Editor]) -> Image.Image:
    """Sources and edits in two rows, each under what it shows."""
    font = _font_of(17)
    tiles = []
    for name, editor in list(editors.items())[:2]:
        tiles.append((editor.inversion.image, "source: " + editor.inversion.prompt))
        tiles += [(editor.edit(target, progress=False).image, target) for target in EDITS[name][:2]]
    side, gap, text = 256, 14, 50
    strip = Image.new("RGB", (3 * side + 2 * gap, 2 * (side + text + gap) - gap), "white")
    pen = ImageDraw.Draw(strip)
    for k, (picture, caption) in enumerate(tiles):
        x, y = k % 3 * (side + gap), k // 3 * (side + text + gap)
        strip.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
        lines = _wrapped(caption, 30)
        pen.multiline_text((x, y + side + 4), "\n".join(lines), fill="black", font=font)
    return strip


def lesson_strip(lesson: Path) -> Image.Image:
    """Some of the pictures that a lesson shows, from its beginning to its end."""
    shown: dict[str, Image.Image] = {}
    for data in re.findall(r"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)", outputs_of(lesson)):
        if data not in shown:
            shown[data] = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    square = [picture for picture in shown.values() if picture.width == picture.height >= THUMB]
    chosen = [square[round(k * (len(square) - 1) / (THUMBS - 1))] for k in range(THUMBS)] if square else []
    strip = Image.new("RGB", (THUMBS * THUMB, THUMB), "white")
    for k, picture in enumerate(chosen):
        strip.paste(picture.resize((THUMB, THUMB), Image.Resampling.LANCZOS), (k * THUMB, 0))
    return strip


def outputs_of(lesson: Path) -> str:
    """The HTML of a stored lesson's outputs."""
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def html(pipe, editors: dict[str, styledit.Editor]) -> str:
    """The whole page."""
    frames = {}
    for name, editor in editors.items():
        for target in EDITS[name]:
            for tau in TAUS:
                edit = editor.edit(target, tau_s=tau, progress=False)
                frames[target, f"τ_s = {tau:g}"] = {"source": editor.inversion.image, "edit": edit.image}
    inversion = editors["00_fox"].inversion
    explorer = attention_explorer(pipe, inversion)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "maps.html"
        explorer.save(file)
        maps = file.read_text(encoding="utf-8")
    explorer.close()
    latents = inversion.latents
    path = {
        f"i = {i} of {inversion.steps}": {"the latent, as colours": preview(pipe, latents[i])[0]}
        for i in range(len(latents))
    }
    parts = [
        "<h1>styledit: edit a picture by rewriting its sentence</h1>",
        "<p>Made by the small model that comes with the kit, on a laptop's processor. Nothing here needs a "
        "server: choose an edit, move the slider, hover the words.</p>",
        "<h2>How much of the source's structure to keep</h2>",
        "<p>τ<sub>s</sub> is the fraction of the denoising steps at which the source's self-attention stands "
        "in for the target's.</p>",
        scrub(frames, name="τ_s", choice="edit")._repr_html_(),
        "<h2>Where each word looks</h2>",
        f'<iframe title="attention maps" srcdoc="{escape(maps, quote=True)}"></iframe>',
        "<h2>From noise to the picture, along its inversion</h2>",
        scrub(path, name="step")._repr_html_(),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>styledit</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def record() -> bytes:
    """A drag in the lab as a GIF."""
    with tempfile.TemporaryDirectory() as folder:
        cache = {"STYLEDIT_CACHE": os.path.join(folder, "cache")}
        with (
            jupyter("lab", Path(folder) / "server", environment=cache) as server,
            open_browser() as browser,
            opener(browser, server) as open_notebook,
        ):
            page = open_notebook(
                "import styledit\nfrom styledit.lab import edit_lab\npipe = styledit.load()",
                "lab = edit_lab(pipe)\nlab",
                width=1500,
                height=1250,
            )
            page.run()
            page.until("bool(lab.frame) and lab.frame['exact'] and not lab.worker._runs", 120)
            return as_gif(list(frames_of(page)))


def frames_of(page: NotebookPage):
    """Screenshots of the lab while sliders move and the prompt changes."""
    page.page.wait_for_timeout(1500)

    def shot() -> Image.Image:
        # From the pictures to the sliders: what moves.
        top = page.page.locator(".styledit-views").bounding_box()
        bottom = page.by_id("steps").bounding_box()
        root = page.page.locator(".styledit-edit-lab").bounding_box()
        clip = {
            "x": root["x"], "y": top["y"] - 8, "width": min(root["width"], WIDTH),
            "height": bottom["y"] + bottom["height"] + 12 - top["y"],
        }  # fmt: skip
        data = page.page.screenshot(clip=clip)
        return Image.open(io.BytesIO(data)).convert("RGB")

    page.page.locator(".styledit-edit-lab").evaluate("lab => lab.scrollIntoView()")
    for name, values in (("tau_s", (0.7, 0.5, 0.3, 0.1, 0.4, 0.8)), ("guidance", (4.0, 2.0))):
        for value in values:
            page.by_id(name).fill(str(value))
            page.by_id(name).dispatch_event("change")
            page.until("lab.frame['exact'] and not lab.worker._runs", 60)
            page.page.wait_for_timeout(200)
            yield shot()
    page.by_id("suggested").click()  # each prompt has its own settings
    for prompt in ("a plain sticker of a panda in the meadow", "a plain sticker of a fox in the snow"):
        page.by_id("target-prompt").fill(prompt)
        page.by_id("target-prompt").press("Enter")
        page.until(f"lab.target['prompt'] == {prompt!r} and lab.frame['exact'] and not lab.worker._runs", 60)
        page.page.wait_for_timeout(300)
        yield shot()
        yield shot()


def as_gif(frames: list[Image.Image]) -> bytes:
    """Frames of 0.6 s, as large as there is room for; those that are less tall end in white."""
    width, height = frames[0].width, max(frame.height for frame in frames)
    canvases = [Image.new("RGB", (width, height), "white") for _ in frames]
    for canvas, frame in zip(canvases, frames, strict=True):
        canvas.paste(frame)
    for scale in (1.0, 0.85, 0.7, 0.55):
        size = round(width * scale), round(height * scale)
        small = [frame.resize(size, Image.Resampling.LANCZOS) for frame in canvases]
        palette = small[len(small) // 2].quantize(COLOURS)
        drawn = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in small]
        buffer = io.BytesIO()
        drawn[0].save(
            buffer, "GIF", save_all=True, append_images=drawn[1:], duration=600, loop=0, optimize=True
        )
        if buffer.tell() <= MOST_GIF:
            return buffer.getvalue()
    raise SystemExit("The lab in motion does not fit half a MiB; record fewer frames.")


def _font_of(size: int):
    from matplotlib import font_manager
    from PIL import ImageFont

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


if __name__ == "__main__":
    main()
