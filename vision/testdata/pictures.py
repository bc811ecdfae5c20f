#!/usr/bin/env python3
"""Writes pictures.tsv: small files, and the pixels that Pillow reads from them, over white.

usage: pictures.py > pictures.tsv      (made with Pillow 9.4.0)
Columns: name, the file in base64, the RGB bytes in base64.
"""
import base64
import io
import random
import struct
import zlib
import PIL
from PIL import Image, ImageCms

random.seed(5)


def noise(mode, width=8, height=8):
    return Image.frombytes(mode, (width, height), random.randbytes(width * height * len(mode)))


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def icon(picture):
    return saved(picture, "ICO", bitmap_format="bmp", sizes=[picture.size])


def icons(*pictures, bits):
    """An icon of several pictures that all claim so many bits."""
    parts = [icon(p) for p in pictures]
    head, bodies = struct.pack("<HHH", 0, 1, len(parts)), b""
    for p in parts:
        head += p[6:12] + struct.pack("<HII", bits, len(p) - 22, 6 + 16 * len(parts) + len(bodies))
        bodies += p[22:]
    return head + bodies


def bitmap16(*masks):
    head = struct.pack("<IiiHHIIiiII", 40, 5, 3, 1, 16, 3 if masks else 0, 0, 0, 0, 0, 0) + struct.pack("<%dI" % len(masks), *masks)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + random.randbytes(3 * 12)


def tiff(samples, tags):
    tags = {256: 4, 257: 3, 259: 1, 262: 2, 273: 8, 277: samples, 279: 12 * samples, **tags}
    data = b"II*\0" + struct.pack("<I", 8 + 12 * samples) + random.randbytes(12 * samples) + struct.pack("<H", len(tags) + 1)
    for tag in sorted([258, *tags]):
        at = 8 + 12 * samples + 6 + 12 * (len(tags) + 1)  # of the depths, behind the directory
        data += struct.pack("<HHII", 258, 3, samples, at) if tag == 258 else struct.pack("<HHIHH", tag, 3, 1, tags[tag], 0)
    return data + b"\0\0\0\0" + struct.pack("<%dH" % samples, *[8] * samples)


def grey_tiff(strip, width, height, tags):
    """A TIFF of grey samples of a byte in one strip, where tags say nothing else."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 279: len(strip), **tags}
    tags = {tag: value for tag, value in tags.items() if value is not None}
    strip += b"\0" * (len(strip) % 2)
    data = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(tags))
    return data + b"".join(struct.pack("<HHIHH", tag, 3, 1, tags[tag], 0) for tag in sorted(tags)) + b"\0\0\0\0"


def scans(n, jpeg):
    """A progressive JPEG without the scans after the first n."""
    return b"\xff\xda".join(jpeg.split(b"\xff\xda")[: n + 1]) + b"\xff\xd9"


def white_is_zero(data):
    """A little-endian TIFF whose smallest sample is white."""
    at = data.rindex(struct.pack("<HHIH", 262, 3, 1, 1))
    return data[:at + 8] + b"\0" + data[at + 9:]


def over_white(data):
    picture = Image.open(io.BytesIO(data))
    if picture.mode in ("I", "F", "YCbCr"):
        picture = picture.convert("RGB")
    if picture.mode == "LAB":
        picture = lab_to_rgb.apply(picture)
    picture = picture.convert("RGBA").tobytes()
    return bytes((c * picture[i | 3] + 255 * (255 - picture[i | 3]) + 127) // 255 for i, c in enumerate(picture) if i % 4 < 3)


# Pillow's own conversion is by a table, which is off by up to 40 in strong colours.
profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
lab_to_rgb = ImageCms.buildTransform(*profiles, "LAB", "RGB", flags=ImageCms.FLAGS["NOTPRECALC"] | ImageCms.FLAGS["NOTCACHE"])
rgb_to_lab = ImageCms.buildTransform(*profiles[::-1], "RGB", "LAB")

integers = [-(2**31), -70000, -300, -1, 0, 1, 127, 255, 256, 300, 70000, 2**31 - 1]
floats = [-1e9, -0.5, 0, 0.4, 0.99, 1, 100.7, 254.5, 255, 255.5, 1e9, 3.4e38]
reversed_bits = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))

webp = saved(noise("RGB"), "WEBP", lossless=True)
files = {
    "icon of 32 bits": icon(noise("RGBA")),
    "icon of 32 bits, 5x9": icon(noise("RGBA", 5, 9)),
    "icon of 24 bits": icon(noise("RGB", 32, 3)),
    "icon of 8 bits": icon(noise("L", 32, 3)),
    "WebP with other bytes behind it": webp + b"VP8 \xff\xff\xff\x00 and so on",
    "WebP with an orientation behind it": webp + b"EXIF\x1a\0\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    "BMP of 15 bits": bitmap16(),
    "BMP of 16 bits": bitmap16(0xF800, 0x7E0, 0x1F),
    "TIFF of four samples, unnamed": tiff(4, {}),
    "TIFF of four samples, meaning nothing": tiff(4, {338: 0}),
    "TIFF of four samples with alpha": tiff(4, {338: 2}),
    "TIFF of 32 bits": saved(Image.frombytes("I", (4, 3), struct.pack("<12i", *integers)), "TIFF"),
    "TIFF of 32 bits, differences": saved(Image.frombytes("I", (4, 3), struct.pack("<12i", *integers)), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
    "TIFF of signed 16 bits": grey_tiff(struct.pack("<12h", *[max(-32768, min(i, 32767)) for i in integers]), 4, 3, {258: 16, 339: 2}),
    "TIFF of floats": saved(Image.frombytes("F", (4, 3), struct.pack("<12f", *floats)), "TIFF"),
    "TIFF of floats, differences of bytes": saved(Image.frombytes("F", (4, 3), struct.pack("<12f", *floats)), "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 3}),
    "TIFF in Zstandard": saved(noise("RGB"), "TIFF", compression="zstd"),
    "TIFF in Zstandard, differences": saved(noise("L", 32, 3), "TIFF", compression="zstd", tiffinfo={317: 2}),
    "TIFF in WebP": saved(noise("RGB", 30, 9), "TIFF", compression="webp"),
    "TIFF in WebP with alpha": saved(noise("RGBA"), "TIFF", compression="webp"),
    "TIFF in Deflate, low bit first": grey_tiff(zlib.compress(random.randbytes(12)).translate(reversed_bits), 4, 3, {259: 8, 266: 2}),
    "TIFF of bytes, low bit first": grey_tiff(random.randbytes(12), 4, 3, {266: 2}),
    "TIFF that is not compressed, with a predictor": grey_tiff(random.randbytes(12), 4, 3, {317: 2}),
    "TIFF that does not say what is white": grey_tiff(random.randbytes(12), 4, 3, {262: None}),
    "icons of the same size": icons(noise("RGB", 32, 3), noise("RGB", 32, 3), bits=24),
    "icons of the same size without bits": icons(noise("RGB", 32, 3), noise("RGB", 32, 3), bits=0),
    "TIFF of Lab": saved(rgb_to_lab.apply(noise("RGB")), "TIFF"),
    "TIFF of YCbCr": saved(noise("RGB").convert("YCbCr"), "TIFF", compression="tiff_lzw"),
    "progressive JPEG of the first scan alone, two blocks wide": scans(1, saved(noise("L", 13, 9), "JPEG", progressive=True)),
    "progressive JPEG of three scans, colours two blocks wide": scans(3, saved(noise("RGB", 30, 20), "JPEG", progressive=True)),
    "TIFF of a JPEG, white is zero": white_is_zero(saved(noise("L"), "TIFF", compression="jpeg")),
    "TIFF of signed 16 bits, differences": grey_tiff(zlib.compress(struct.pack("<12h", *[9, 30, 200, -7, 255, -300, 70, 90, -5, 6, 7, 100])), 4, 3, {258: 16, 259: 8, 317: 2, 339: 2}),
    "TIFF upside down, with a row in the middle": grey_tiff(bytes(range(20, 35)), 5, 3, {274: 3}),
}
print("# made by pictures.py with Pillow", PIL.__version__)
for name, data in files.items():
    print(name, base64.b64encode(data).decode(), base64.b64encode(over_white(data)).decode(), sep="\t")
