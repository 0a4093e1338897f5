"""Any picture a user has, and the autoencoder both ways."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from conftest import make_pipeline
from styledit import previews
from styledit.pictures import open_rgb
from styledit.previews import preview
from styledit.storage.data import EMBEDDED_FOLDER

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def read(tokenizer):
    """`read_image` for a pipeline; a number in second place is the size."""
    pipe = make_pipeline(tokenizer)
    return lambda source, size=None, fit="crop": styledit.read_image(pipe, source, size=size, fit=fit)


def corners(picture):
    w, h = picture.size
    return picture.getpixel((1, 1)), picture.getpixel((w - 2, h - 2))


def test_crop_and_pad(read):
    wide = Image.new("RGB", (90, 30), RED)
    wide.paste(BLUE, (30, 0, 60, 30))
    crop, pad = read(wide, 30), read(wide, 30, "pad")
    assert crop.size == pad.size == (30, 30)
    assert corners(crop) == (BLUE, BLUE)
    assert corners(pad) == (WHITE, WHITE) and pad.getpixel((1, 15)) == RED
    assert read(wide, (60, 20)).size == (60, 20)


def test_exif_rotation(tmp_path, read):
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by 90°
    picture.save(tmp_path / "turned.png", exif=exif)
    upright = read(tmp_path / "turned.png", (20, 40))
    assert corners(upright) == (RED, BLUE) and upright.getpixel((18, 1)) == RED


def test_transparency_is_laid_on_white(read):
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    assert read(half, 8).getpixel((4, 4)) == (255, 127, 127)
    palette = half.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert read(palette, 8).getpixel((4, 4)) == WHITE
    assert read(np.zeros((8, 8, 4), np.uint8), 8).getpixel((4, 4)) == WHITE


def test_grey_and_sixteen_bits(tmp_path, read):
    grey = np.full((8, 8), 51, np.uint8)
    deep = np.full((8, 8), 51 * 257, np.uint16)
    assert np.asarray(open_rgb(deep.astype(">u2"))).tolist() == np.asarray(open_rgb(deep)).tolist()
    Image.fromarray(deep).save(tmp_path / "deep.png")
    for source in (
        grey,
        grey[:, :, None],
        deep,
        tmp_path / "deep.png",
        Image.fromarray(grey),
        grey / 255,
        grey.astype(int),
    ):
        assert read(source, 8).getpixel((3, 3)) == (51, 51, 51)
    assert read(np.ones((4, 4), bool), 8).getpixel((3, 3)) == WHITE
    assert read(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), 8).getpixel((3, 3)) == (0, 0, 0)


def test_paths(tmp_path, read):
    Image.new("RGB", (16, 16), RED).save(tmp_path / "a picture ä.png")
    assert read(str(tmp_path / "a picture ä.png"), 8).getpixel((3, 3)) == RED


@pytest.mark.parametrize(
    "source,error,message",
    [
        ("nowhere.png", FileNotFoundError, "There is no picture at 'nowhere.png'"),
        (np.zeros((0, 4, 3)), ValueError, "is no picture"),
        (np.zeros((3, 8, 8)), ValueError, r"\(3, 8, 8\) is no picture"),
        (np.full((8, 8), np.nan), ValueError, "NaN"),
        (np.full((8, 8), 200.0), ValueError, r"must lie in \[0, 1\]"),
        (np.full((8, 8), -1), ValueError, "0 to 255"),
        (None, TypeError, "not None"),
        (torch.zeros(3, 8, 8), TypeError, "not a tensor of shape"),
    ],
)
def test_what_is_no_picture(source, error, message, read):
    with pytest.raises(error, match=message):
        read(source, 8)


def test_broken_files(tmp_path, read):
    (tmp_path / "text.png").write_text("hello")
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("text.png", "cut.png", "empty.jpg"):
        with pytest.raises(ValueError, match="could not be read as a picture"):
            read(tmp_path / name)


def test_bad_fit_and_size(read):
    picture = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="fit must be one of 'crop', 'pad'"):
        read(picture, 8, "stretch")
    with pytest.raises(ValueError, match="A side of size must be a whole number from 1"):
        read(picture, (8, 0))
    with pytest.raises(ValueError, match="from 1 to 8192"):
        read(picture, 10**9)


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


def test_pil_pictures_that_cannot_be_read(tmp_path, read):
    Image.effect_noise((64, 64), 50).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    for source, message in [
        (Image.open(tmp_path / "cut.png"), "The PIL image could not be read"),
        (Image.new("I", (8, 8), 70000), "from 0 to 65535"),
        (Image.new("I", (8, 8), -1), "from 0 to 65535"),
        (Image.new("RGB", (0, 8)), "is empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            read(source, 8)
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("LA").convert("La")
    assert read(clear, 8).getpixel((4, 4)) == WHITE


@pytest.mark.parametrize("size", [True, 8.0, "8", (8,), (8, 8.0)])
def test_size_of_another_type(size, read):
    with pytest.raises(TypeError, match="size must be a whole number"):
        read(Image.new("RGB", (8, 8)), size)
    assert read(Image.new("RGB", (8, 8)), (np.int64(4), 5)).size == (4, 5)


def test_the_size_is_the_pipelines(pipe, picture):
    assert styledit.read_image(pipe, picture.resize((50, 40))).size == styledit.picture_size(pipe) == (32, 32)
    with pytest.raises(TypeError, match=r"pipe must be a pipeline from styledit.load\(\), not"):
        styledit.read_image("a.png", 8)


def test_nan_is_never_a_black_picture(tokenizer, picture):
    pipe = make_pipeline(tokenizer)
    z = styledit.encode_image(pipe, picture)
    with pytest.raises(ValueError, match="The batch of latents has NaN"):
        styledit.decode_latents(pipe, z * float("nan"))
    for bad in (float("nan"), float("inf")):
        pipe.vae.decoder.conv_out.bias.data[0] = bad
        with pytest.raises(ValueError, match=r"What the autoencoder decodes has NaN .* dtype=torch.float32"):
            styledit.decode_latents(pipe, z)
    pipe.vae.encoder.conv_out.bias.data[0] = bad
    with pytest.raises(ValueError, match="What the autoencoder makes of the picture has NaN"):
        styledit.encode_image(pipe, picture)


@pytest.mark.parametrize("call", [styledit.decode_latents, styledit.decode_tensor, preview])
def test_what_are_no_latents(pipe, call):
    for z, error in (
        ("z", TypeError),
        (None, TypeError),
        (torch.zeros(1, 3, 16, 16, dtype=torch.int64), TypeError),
    ):
        with pytest.raises(error, match=r"must be a floating-point tensor \(B, 3, h, w\), not"):
            call(pipe, z)
    for shape in ((3, 16, 16), (1, 4, 16, 16), (0, 3, 16, 16), (1, 3, 0, 16)):
        with pytest.raises(ValueError, match=r"must have shape \(B, 3, h, w\), not"):
            call(pipe, torch.zeros(shape))
    with pytest.raises(TypeError, match="pipe must be a pipeline"):
        call(torch.zeros(1, 3, 16, 16), pipe)


# --- previews ---------------------------------------------------------------------------------------


def linear_pipeline(tokenizer):
    """A pipeline whose decoder is a linear map of one latent pixel, so that a preview can be exact."""
    pipe, generator = make_pipeline(tokenizer), torch.Generator().manual_seed(0)
    weights, bias = torch.randn(12, 3, 1, 1, generator=generator) * 0.05, torch.zeros(12)

    def decode(z, **settings):
        colours = torch.nn.functional.conv2d(z, weights.to(z), bias.to(z))
        return SimpleNamespace(sample=torch.nn.functional.pixel_shuffle(colours, 2))

    pipe.vae.decode = decode
    return pipe


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_preview_of_a_linear_decoder_is_the_decode(tokenizer, dtype):
    pipe = linear_pipeline(tokenizer)
    z = torch.randn(2, 3, 6, 9, generator=torch.Generator().manual_seed(1)).to(dtype)
    shown, exact = preview(pipe, z), styledit.decode_latents(pipe, z)
    assert [picture.size for picture in shown] == [(18, 12)] * 2
    for picture, other in zip(shown, exact, strict=True):
        assert np.abs(np.asarray(picture, int) - np.asarray(other, int)).max() <= 2


def test_a_map_is_fitted_once_and_dies_with_its_autoencoder(tokenizer, picture):
    pipe = make_pipeline(tokenizer)
    state = torch.random.get_rng_state()
    z = styledit.encode_image(pipe, picture)
    with torch.inference_mode():
        first = preview(pipe, z)
    assert torch.equal(torch.random.get_rng_state(), state)
    pipe.vae.encode = None  # what a second fit would need
    assert preview(pipe, z.clone().requires_grad_())[0].tobytes() == first[0].tobytes()
    before = len(previews._maps)
    del pipe
    gc.collect()
    assert len(previews._maps) == before - 1


def test_previews_of_the_embedded_model_are_close_to_the_decode():
    """About 28 dB, mean of the lesson pictures."""
    pipe = styledit.load()
    files = [
        file for file in sorted((EMBEDDED_FOLDER.parent / "images").glob("*.png")) if "mask" not in file.name
    ]
    latents = torch.cat([styledit.encode_image(pipe, styledit.read_image(pipe, file)) for file in files[:6]])
    pairs = zip(preview(pipe, latents), styledit.decode_latents(pipe, latents), strict=True)
    assert np.mean([styledit.psnr(shown, exact) for shown, exact in pairs]) > 26
    with pytest.raises(ValueError, match="x0 has NaN"):
        preview(pipe, latents * float("inf"))
