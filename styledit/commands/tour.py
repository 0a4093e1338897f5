"""`styledit tour`: the first edit without a browser."""

from __future__ import annotations

import time
from pathlib import Path

import styledit
from styledit.commands.folders import writing_into
from styledit.lessons.pictures import lesson_picture, show_images

PICTURE = "fox"
STRONG = 7.5  # a guidance at which the way back breaks, and value inputs mend it
EDITS = {
    "style": "a watercolor painting of a fox in the meadow",
    "place": "a plain sticker of a fox in the snow",
    "object": "a plain sticker of a panda in the meadow",
}


def tour(out: Path) -> None:
    """Invert a held-out picture, reconstruct it three ways, edit it three ways, and save every picture.

    Raises:
        OSError: the folder cannot be written.
    """
    start = time.perf_counter()
    with writing_into(out):
        out.mkdir(parents=True, exist_ok=True)
    pipe = styledit.load()
    source, prompt, _ = lesson_picture(pipe, PICTURE)
    inversion = styledit.invert(pipe, source, prompt)
    own = styledit.decode_latents(pipe, inversion.z_0)[0]  # the best that the autoencoder allows
    mended = styledit.fit_values(pipe, inversion, guidance=STRONG)
    values = styledit.fit_values(pipe, inversion)  # at the guidance that suits the model's edits
    editor = styledit.Editor(pipe, inversion, values=values)
    pictures = {
        "source": source,
        "guidance 1": styledit.reconstruct(pipe, inversion, guidance=1.0, progress=False).image,
        "guidance 7.5": styledit.reconstruct(pipe, inversion, guidance=STRONG, progress=False).image,
        "value inputs": styledit.reconstruct(pipe, inversion, values=mended, progress=False).image,
    }
    print(f"Source prompt: {prompt}")
    for title in list(pictures)[1:]:
        print(
            f"{title:>13}: {styledit.psnr(pictures[title], own):.1f} dB to the autoencoder's reconstruction"
        )
    for kind, target in EDITS.items():
        pictures[kind] = editor.edit(target, progress=False).image
        print(f"{kind:>13}: {target}")
    for title, picture in pictures.items():
        picture.save(out / f"{title.replace(' ', '_')}.png")
    show_images(pictures, columns=4).savefig(out / "tour.png")
    print(
        f"{len(pictures) + 1} pictures are in {out}/, all of them in tour.png "
        f"({time.perf_counter() - start:.0f} s)."
    )
