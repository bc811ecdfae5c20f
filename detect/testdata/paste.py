#!/usr/bin/env python3
"""Writes paste.json: masks pasted as Detectron2's paste_masks_in_image does.

The arithmetic is that of detectron2/layers/mask_ops.py, _do_paste_mask: pixel
centres, grid_sample, align_corners off, zeros outside, at least 0.5. Made with
torch 1.13.
"""
import json, os
import torch
import torch.nn.functional as F

def paste(mask, box, h, w):
    x0, y0, x1, y1 = box
    ys = (torch.arange(h, dtype=torch.float64) + 0.5 - y0) / (y1 - y0) * 2 - 1
    xs = (torch.arange(w, dtype=torch.float64) + 0.5 - x0) / (x1 - x0) * 2 - 1
    grid = torch.stack([xs[None, :].expand(h, w), ys[:, None].expand(h, w)], dim=2)[None]
    return (F.grid_sample(mask[None, None], grid, align_corners=False) >= 0.5)[0, 0]

torch.manual_seed(0)
cases = []
for box in [(3.25, 4.5, 40.75, 30.1), (-10.3, -5.2, 20.4, 25.9), (30.0, 20.0, 70.5, 60.5), (5.5, 5.5, 6.1, 6.2), (-20.0, -20.0, 90.0, 70.0)]:
    low = torch.rand(1, 1, 5, 5, dtype=torch.float64)
    mask = F.interpolate(low, size=(28, 28), mode="bilinear", align_corners=False)[0, 0]
    mask = (mask * 1000).round() / 1000
    out = paste(mask, box, 48, 64)
    cases.append({"box": box, "mask": mask.flatten().tolist(), "rows": ["".join("#" if v else "." for v in row) for row in out.tolist()]})
with open(os.path.join(os.path.dirname(__file__), "paste.json"), "w") as f:
    json.dump(cases, f)
