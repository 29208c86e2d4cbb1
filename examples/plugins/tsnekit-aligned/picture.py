"""Draw aligned.png: three times, each with a map of its own, and held near the map before."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from tsnekit_aligned import fit_in_turn

from tsnekit import TSNE

rng = np.random.default_rng(0)
centers = rng.normal(size=(5, 10)) * 12
label = np.arange(600) % 5
first = centers[label] + rng.normal(size=(600, 10))
times = [first]
for share in (0.5, 0.5):  # the last cluster moves to the first
    later = times[-1] + 0.4 * rng.normal(size=first.shape)
    later[label == 4] += share * (centers[0] - centers[4])
    times.append(later)

options = {"perplexity": 20, "random_state": 0}
rows = {"alone": [TSNE(**options).fit(X) for X in times], "in turn": fit_in_turn(times, **options)}
figure, axes = plt.subplots(2, 3, figsize=(10, 6.4), layout="constrained")
for line, (how, maps) in zip(axes, rows.items(), strict=True):
    for time, (ax, embedding) in enumerate(zip(line, maps, strict=True)):
        embedding.plot(label, ax, legend=False)
        ax.set_title(f"{how}, time {time + 1}: KL {embedding.kl_divergence:.2f}")
figure.savefig("aligned.png", dpi=100)
