"""A contender of the side-by-side benchmark: torchvision's own network with
random weights on PyTorch's CPU backend (oneDNN). It speaks the lines that
contender.go describes."""
import json
import resource
import sys
import time

import torch
import torchvision

name = sys.argv[1]
threads, batch, height, width = map(int, sys.argv[2:6])  # height 0: the network's own


def say(**line):
    print(json.dumps(line), flush=True)


start = time.perf_counter()
try:
    torch.set_num_threads(threads)
    build = getattr(torchvision.models, name)
    options = {"transform_input": False} if name in ("googlenet", "inception_v3") else {}
    net = build(weights=None, **options).eval()
    side = 299 if name == "inception_v3" else 224
    x = torch.rand(batch, 3, height or side, width or side) * 4 - 2
    with torch.inference_mode():
        net = torch.jit.optimize_for_inference(torch.jit.trace(net, x, check_trace=False))
        load = time.perf_counter()
        net(x)
        say(load_ms=(load - start) * 1e3, first_ms=(time.perf_counter() - load) * 1e3, version="PyTorch " + torch.__version__)
        for line in sys.stdin:
            warm = time.perf_counter() + 0.1  # as contender.go's warmUp
            net(x)
            while time.perf_counter() < warm:
                net(x)
            ms = []
            for _ in range(int(line)):
                t = time.perf_counter()
                net(x)
                ms.append((time.perf_counter() - t) * 1e3)
            say(ms=ms, rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
except Exception as e:  # told to the other side, which goes on without
    say(error=str(e).splitlines()[0] if str(e) else type(e).__name__)
