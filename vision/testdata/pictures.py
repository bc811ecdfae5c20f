#!/usr/bin/env python3
"""Writes pictures.tsv: small files, and the pixels that Pillow reads from them, over white.

usage: pictures.py > pictures.tsv      (made with Pillow 9.4.0)
Columns: name, the file in base64, the RGB bytes in base64.
"""
import base64
import io
import random
import struct
import PIL
from PIL import Image

random.seed(5)


def noise(mode, width=8, height=8):
    return Image.frombytes(mode, (width, height), random.randbytes(width * height * len(mode)))


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def icon(picture):
    return saved(picture, "ICO", bitmap_format="bmp", sizes=[picture.size])


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


def over_white(data):
    picture = Image.open(io.BytesIO(data)).convert("RGBA").tobytes()
    return bytes((c * picture[i | 3] + 255 * (255 - picture[i | 3]) + 127) // 255 for i, c in enumerate(picture) if i % 4 < 3)


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
}
print("# made by pictures.py with Pillow", PIL.__version__)
for name, data in files.items():
    print(name, base64.b64encode(data).decode(), base64.b64encode(over_white(data)).decode(), sep="\t")
