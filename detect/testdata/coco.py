#!/usr/bin/env python3
"""Writes coco.json: made-up annotations and results, and COCO's numbers for them.

The numbers come from numpy, array by array as the COCO evaluation is published
(Lin et al. 2014 and cocodataset.org/#detection-eval): matrices of matches for all
thresholds, linspace, searchsorted. Masks are compared as bitmaps. numpy 1.24.
"""
import json, os
import numpy as np

rng = np.random.RandomState(3)
SIGMAS = np.array([.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89]) / 10.0
IOUS = np.linspace(.5, .95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = {"all": (0, 1e10), "S": (0, 32 ** 2), "M": (32 ** 2, 96 ** 2), "L": (96 ** 2, 1e10)}
W, H = 320, 240

def counts(bitmap):
    flat = bitmap.flatten(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return ([0] if flat[0] else []) + runs

def ellipse(x, y, w, h):
    yy, xx = np.mgrid[0:H, 0:W]
    return (((xx + .5 - x - w / 2) / (w / 2)) ** 2 + ((yy + .5 - y - h / 2) / (h / 2)) ** 2) <= 1

images = [{"id": 10 + i, "file_name": "p%d.jpg" % i, "width": W, "height": H} for i in range(9)]
categories = [{"id": 1, "name": "person"}, {"id": 7, "name": "train"}, {"id": 90, "name": "toothbrush"}, {"id": 4, "name": "none of these"}]
gts, dts = [], []
for im in images:
    for k in range(rng.randint(0, 9)):
        side = float(rng.choice([20, 60, 130]))
        w, h = side * rng.uniform(.7, 1.4), side * rng.uniform(.7, 1.4)
        x, y = rng.uniform(0, max(1, W - w)), rng.uniform(0, max(1, H - h))
        box = [round(float(v), 2) for v in (x, y, w, h)]
        m = ellipse(*box)
        kp = []
        for _ in range(17):
            v = int(rng.choice([0, 1, 2]))
            kp += [round(x + w * rng.rand(), 1), round(y + h * rng.rand(), 1), v] if v else [0, 0, 0]
        if rng.rand() < .2:
            kp = [0] * 51
        crowd = int(rng.rand() < .15)
        cat = int(rng.choice([1, 1, 7, 90]))
        g = {"id": len(gts) + 1, "image_id": im["id"], "category_id": cat, "bbox": box, "area": int(m.sum()), "iscrowd": crowd,
             "segmentation": {"size": [H, W], "counts": counts(m)}, "keypoints": kp, "num_keypoints": sum(v > 0 for v in kp[2::3])}
        gts.append(g)
        for _ in range(rng.randint(0, 4)):
            f = rng.uniform(0, .12)
            db = [round(float(v), 2) for v in (x + rng.randn() * f * w, y + rng.randn() * f * h, w * np.exp(rng.randn() * f), h * np.exp(rng.randn() * f))]
            dk = []
            for i in range(17):
                px, py = (kp[3 * i], kp[3 * i + 1]) if kp[3 * i + 2] else (x + w * rng.rand(), y + h * rng.rand())
                dk += [round(px + rng.randn() * f * w, 1), round(py + rng.randn() * f * h, 1), 1]
            dts.append({"image_id": im["id"], "category_id": cat if rng.rand() < .9 else 7, "bbox": db, "score": round(float(rng.choice([rng.rand(), .5])), 3),
                        "segmentation": {"size": [H, W], "counts": counts(ellipse(*db))}, "keypoints": dk})
    for _ in range(rng.randint(0, 25)):  # wrong ones, more than any limit but the last
        db = [round(float(v), 2) for v in (rng.uniform(0, 250), rng.uniform(0, 180), rng.uniform(5, 150), rng.uniform(5, 150))]
        dts.append({"image_id": im["id"], "category_id": int(rng.choice([1, 7, 4])), "bbox": db, "score": round(float(rng.rand() * .8), 3),
                    "segmentation": {"size": [H, W], "counts": counts(ellipse(*db))},
                    "keypoints": sum(([round(db[0] + db[2] * rng.rand(), 1), round(db[1] + db[3] * rng.rand(), 1), 1] for _ in range(17)), [])})

def bitmap(s):
    out, v = [], 0
    for c in s["counts"]:
        out.append(np.full(c, v, bool)); v = 1 - v
    return np.concatenate(out)

def overlap(task, d, g):
    if task == "bbox":
        a, b = d["bbox"], g["bbox"]
        w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]); h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
        i = max(w, 0) * max(h, 0) if w > 0 and h > 0 else 0
        return i / (a[2] * a[3] if g["iscrowd"] else a[2] * a[3] + b[2] * b[3] - i)
    if task == "segm":
        a, b = bitmap(d["segmentation"]), bitmap(g["segmentation"])
        i = (a & b).sum()
        return i / (a.sum() if g["iscrowd"] else (a | b).sum()) if i else 0.
    q, p = np.array(g["keypoints"]).reshape(17, 3), np.array(d["keypoints"]).reshape(17, 3)
    bb = g["bbox"]; vis = q[:, 2] > 0
    if vis.any():
        dx, dy = p[:, 0] - q[:, 0], p[:, 1] - q[:, 1]
    else:
        z = np.zeros(17)
        x0, x1, y0, y1 = bb[0] - bb[2], bb[0] + 2 * bb[2], bb[1] - bb[3], bb[1] + 2 * bb[3]
        dx = np.max((z, x0 - p[:, 0]), axis=0) + np.max((z, p[:, 0] - x1), axis=0)
        dy = np.max((z, y0 - p[:, 1]), axis=0) + np.max((z, p[:, 1] - y1), axis=0)
    e = (dx ** 2 + dy ** 2) / (SIGMAS * 2) ** 2 / (g["area"] + np.spacing(1)) / 2
    if vis.any():
        e = e[vis]
    return float(np.mean(np.exp(-e)))

def image(task, im, cat, lo, hi, most, limit, cache):
    G = [g for g in gts if g["image_id"] == im and g["category_id"] == cat]
    D = [d for d in dts if d["image_id"] == im and d["category_id"] == cat]
    if not G and not D:
        return None
    D = [D[i] for i in np.argsort([-d["score"] for d in D], kind="mergesort")][:limit]
    key = (task, im, cat)
    if key not in cache:
        cache[key] = np.array([[overlap(task, d, g) for g in G] for d in D]).reshape(len(D), len(G))
    M = cache[key]
    gi = np.array([bool(g["iscrowd"]) or (task == "keypoints" and g["num_keypoints"] == 0) or g["area"] < lo or g["area"] > hi for g in G], bool)
    order = np.argsort(gi, kind="mergesort")
    D = D[:most]
    dm, di = np.zeros((10, len(D)), bool), np.zeros((10, len(D)), bool)
    for t, thr in enumerate(IOUS):
        free = np.ones(len(G), bool)
        for j in range(len(D)):
            least, pick = min(thr, 1 - 1e-10), None
            for k in order:
                if not free[k] and not G[k]["iscrowd"]:
                    continue
                if pick is not None and not gi[pick] and gi[k]:
                    break
                if M[j, k] < least:
                    continue
                least, pick = M[j, k], k
            if pick is not None:
                dm[t, j], di[t, j], free[pick] = True, gi[pick], False
    area = np.array([d["bbox"][2] * d["bbox"][3] for d in D])
    di |= ~dm & ((area < lo) | (area > hi)) if len(D) else di
    return [d["score"] for d in D], dm, di, int((~gi).sum())

def curves(task, lo, hi, most, limit, cache):
    P, R = [], []
    for c in categories:
        per = [r for r in (image(task, im["id"], c["id"], lo, hi, most, limit, cache) for im in images) if r]
        n = sum(r[3] for r in per)
        if not n:
            continue
        order = np.argsort(-np.concatenate([r[0] for r in per]), kind="mergesort")
        dm = np.concatenate([r[1] for r in per], axis=1)[:, order]
        di = np.concatenate([r[2] for r in per], axis=1)[:, order]
        tp, fp = np.cumsum(dm & ~di, axis=1).astype(float), np.cumsum(~dm & ~di, axis=1).astype(float)
        q, rec = np.zeros((10, 101)), np.zeros(10)
        for t in range(10):
            rc, pr = tp[t] / n, tp[t] / (fp[t] + tp[t] + np.spacing(1))
            rec[t] = rc[-1] if len(rc) else 0
            pr = np.maximum.accumulate(pr[::-1])[::-1]
            at = np.searchsorted(rc, RECALLS, side="left")
            q[t, at < len(pr)] = pr[at[at < len(pr)]]
        P.append(q); R.append(rec)
    return np.array(P), np.array(R)

def mean(a):
    return float(a.mean()) if a.size else -1.

def numbers(task):
    out, cache = {}, {}
    limit = 20 if task == "keypoints" else 100
    for name, (lo, hi) in AREAS.items():
        P, R = curves(task, lo, hi, limit, limit, cache)
        suffix = "" if name == "all" else name
        if task == "keypoints" and name == "S":
            continue
        out["AP" + suffix] = mean(P)
        out["AR" + (suffix or ("" if task == "keypoints" else "100"))] = mean(R)
        if name == "all":
            out["AP50"], out["AP75"] = mean(P[:, 0]), mean(P[:, 5])
            if task == "keypoints":
                out["AR50"], out["AR75"] = mean(R[:, 0]), mean(R[:, 5])
            else:
                for most in (1, 10):
                    out["AR%d" % most] = mean(curves(task, lo, hi, most, limit, cache)[1])
    return out

if __name__ == "__main__":
    data = {"truth": {"images": images, "annotations": gts, "categories": categories}, "results": dts, "numbers": {t: numbers(t) for t in ("bbox", "segm", "keypoints")}}
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "coco.json"), "w") as f:
        json.dump(data, f, separators=(",", ":"))
    for t, n in data["numbers"].items():
        print(t, len(n), {k: round(v, 4) for k, v in n.items()})
