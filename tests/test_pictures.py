"""Any picture a user has, and the autoencoder both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit import read_image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def corners(picture):
    w, h = picture.size
    return picture.getpixel((1, 1)), picture.getpixel((w - 2, h - 2))


def test_crop_and_pad():
    wide = Image.new("RGB", (90, 30), RED)
    wide.paste(BLUE, (30, 0, 60, 30))
    crop, pad = read_image(wide, 30), read_image(wide, 30, "pad")
    assert crop.size == pad.size == (30, 30)
    assert corners(crop) == (BLUE, BLUE)
    assert corners(pad) == (WHITE, WHITE) and pad.getpixel((1, 15)) == RED
    assert read_image(wide, (60, 20)).size == (60, 20)


def test_exif_rotation(tmp_path):
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by 90°
    picture.save(tmp_path / "turned.png", exif=exif)
    upright = read_image(tmp_path / "turned.png", (20, 40))
    assert corners(upright) == (RED, BLUE) and upright.getpixel((18, 1)) == RED


def test_transparency_is_laid_on_white():
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    assert read_image(half, 8).getpixel((4, 4)) == (255, 127, 127)
    palette = half.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert read_image(palette, 8).getpixel((4, 4)) == WHITE
    assert read_image(np.zeros((8, 8, 4), np.uint8), 8).getpixel((4, 4)) == WHITE


def test_grey_and_sixteen_bits(tmp_path):
    grey = np.full((8, 8), 51, np.uint8)
    deep = np.full((8, 8), 51 * 257, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    for source in (grey, grey[:, :, None], deep, tmp_path / "deep.png", Image.fromarray(grey), grey / 255, grey.astype(int)):
        assert read_image(source, 8).getpixel((3, 3)) == (51, 51, 51)
    assert read_image(np.ones((4, 4), bool), 8).getpixel((3, 3)) == WHITE
    assert read_image(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), 8).getpixel((3, 3)) == (0, 0, 0)


def test_paths(tmp_path):
    Image.new("RGB", (16, 16), RED).save(tmp_path / "a picture ä.png")
    assert read_image(str(tmp_path / "a picture ä.png"), 8).getpixel((3, 3)) == RED


@pytest.mark.parametrize(
    "source,error,message",
    [
        ("nowhere.png", ValueError, "There is no picture at 'nowhere.png'"),
        (np.zeros((0, 4, 3)), ValueError, "is no picture"),
        (np.zeros((3, 8, 8)), ValueError, r"\(3, 8, 8\) is no picture"),
        (np.full((8, 8), np.nan), ValueError, "NaN"),
        (np.full((8, 8), 200.0), ValueError, r"must lie in \[0, 1\]"),
        (np.full((8, 8), -1), ValueError, "0 to 255"),
        (None, TypeError, "NoneType"),
        (torch.zeros(3, 8, 8), TypeError, "Tensor"),
    ],
)
def test_what_is_no_picture(source, error, message):
    with pytest.raises(error, match=message):
        read_image(source, 8)


def test_broken_files(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("text.png", "cut.png", "empty.jpg"):
        with pytest.raises(ValueError, match="could not be read as a picture"):
            read_image(tmp_path / name)


def test_bad_fit_and_size():
    picture = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="'crop' or 'pad'"):
        read_image(picture, 8, "stretch")
    with pytest.raises(ValueError, match="at least 1"):
        read_image(picture, (8, 0))


def test_latents_undo_the_scaling_and_the_shift(pipe, picture):
    z = styledit.encode_image(pipe, picture)
    pixels = torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    posterior = pipe.vae.encode(pixels).latent_dist.mean
    assert torch.allclose(z, (posterior - 0.1) * 0.7, atol=1e-5)
    stock = pipe.vae.decode(posterior).sample / 2 + 0.5
    assert torch.allclose(styledit.decode_tensor(pipe, z), stock.clamp(0, 1), atol=1e-5)


def test_decoding_is_differentiable(pipe):
    z = torch.randn(2, 3, 16, 16, requires_grad=True)
    styledit.decode_tensor(pipe, z).mean().backward()
    assert z.grad.abs().sum() > 0
    assert [picture.size for picture in styledit.decode_latents(pipe, z.detach())] == [(32, 32)] * 2


def test_psnr():
    black, grey = Image.new("RGB", (8, 8)), Image.new("RGB", (8, 8), (26, 26, 26))
    assert styledit.psnr(black, black) == float("inf")
    assert styledit.psnr(black, grey) == pytest.approx(20 * np.log10(255 / 26))
    with pytest.raises(ValueError, match="same size"):
        styledit.psnr(black, black.resize((4, 4)))


def test_a_pil_picture_is_read_with_the_same_care(pipe, picture, tmp_path):
    """Alpha, 16 bits and rotation, where no size is asked for."""
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    deep = Image.fromarray(np.full((32, 32), 51 * 257, np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180°
    picture.save(tmp_path / "turned.png", exif=exif)
    pairs = [
        (clear, Image.new("RGB", (32, 32), WHITE)),
        (deep, Image.new("RGB", (32, 32), (51, 51, 51))),
        (Image.open(tmp_path / "turned.png"), picture.rotate(180)),
    ]
    for source, plain in pairs:
        inversion = styledit.invert(pipe, source, "a car", 1, record=None, progress=False)
        assert inversion.image.mode == "RGB" and inversion.image.tobytes() == plain.tobytes()
        assert torch.equal(inversion.z_0, styledit.encode_image(pipe, plain))


def test_pil_pictures_that_cannot_be_read(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    for source, message in [
        (Image.open(tmp_path / "cut.png"), "The PIL image could not be read"),
        (Image.new("I", (8, 8), 70000), "from 0 to 65535"),
        (Image.new("I", (8, 8), -1), "from 0 to 65535"),
        (Image.new("RGB", (0, 8)), "is empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_image(source, 8)
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("LA").convert("La")
    assert read_image(clear, 8).getpixel((4, 4)) == WHITE


@pytest.mark.parametrize("size", [True, 8.0, "8", None, (8,), (8, 8.0)])
def test_size_of_another_type(size):
    with pytest.raises(TypeError, match="size must be a whole number or"):
        read_image(Image.new("RGB", (8, 8)), size)
    assert read_image(Image.new("RGB", (8, 8)), (np.int64(4), 5)).size == (4, 5)
