"""Works through the given photos each time a line comes in, and answers with a
line. "labels": decode, resize, crop, normalise, as torchvision's recipe does with
Pillow; "decode": that alone; "encode": the rest alone, of photos decoded before."""
import sys

import numpy
from PIL import Image

mean = numpy.array([0.485, 0.456, 0.406], numpy.float32)
std = numpy.array([0.229, 0.224, 0.225], numpy.float32)
decoded = []


def decode(path):
    im = Image.open(path)
    im.load()
    return im


def encode(im):
    im = im.convert("RGB")
    w, h = im.size
    size = (256, int(256 * h / w)) if w < h else (int(256 * w / h), 256)
    im = im.resize(size, Image.BILINEAR)
    x, y = (im.width - 224) // 2, (im.height - 224) // 2
    a = numpy.asarray(im.crop((x, y, x + 224, y + 224)), numpy.float32)
    a = (a / 255 - mean) / std
    return numpy.ascontiguousarray(a.transpose(2, 0, 1))


for line in sys.stdin:
    task = line.strip()
    if task == "load":
        decoded = [decode(path) for path in sys.argv[1:]]
    for i, path in enumerate(sys.argv[1:]):
        if task == "labels":
            encode(decode(path))
        elif task == "decode":
            decode(path)
        elif task == "encode":
            encode(decoded[i])
    print("done", flush=True)
