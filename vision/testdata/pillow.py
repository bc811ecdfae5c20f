#!/usr/bin/env python3
"""Writes pillow.tsv: checksums of what Pillow makes of a computed picture at many odd sizes.

usage: pillow.py > pillow.tsv      (made with Pillow 9.4.0)
The picture: byte i of a w*h*3 picture is (i*i*7 + i*31 + (i//(3*w))*57) >> 3 & 255.
Columns: width, height, new width, new height, filter as recipes spell it, CRC-32 of the RGB bytes.
"""
import random
import zlib
import PIL
from PIL import Image

R = Image.Resampling
FILTERS = [(R.BILINEAR, "bilinear antialias"), (R.BOX, "box antialias"), (R.HAMMING, "hamming antialias"),
           (R.BICUBIC, "bicubic antialias"), (R.LANCZOS, "lanczos antialias"), (R.NEAREST, "nearest")]
random.seed(7)
sizes = [(1, 1, 1, 1), (1, 1, 5, 3), (2, 1, 1, 9), (3, 2, 7, 1), (5, 4, 4, 5), (7, 300, 3, 7), (300, 7, 5, 5), (16, 16, 16, 4),
         (16, 16, 4, 16), (33, 17, 32, 16), (64, 48, 224, 224), (500, 375, 341, 256), (640, 480, 33, 11), (900, 4, 1, 1)]
sizes += [tuple(random.randint(1, 90) for _ in range(4)) for _ in range(26)]
print("# made by pillow.py with Pillow", PIL.__version__)
for w, h, nw, nh in sizes:
    data = bytes((i * i * 7 + i * 31 + (i // (3 * w)) * 57) >> 3 & 255 for i in range(w * h * 3))
    im = Image.frombytes("RGB", (w, h), data)
    for f, name in FILTERS:
        print(w, h, nw, nh, name, "%08x" % zlib.crc32(im.resize((nw, nh), f).tobytes()), sep="\t")
