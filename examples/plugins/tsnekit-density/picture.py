"""Draw density.png: clusters of different widths, without the force term and with it."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from tsnekit_density import density_correlation

from tsnekit import TSNE

rng = np.random.default_rng(0)
centers = rng.normal(size=(6, 20)) * 40
label = np.arange(1500) % 6
widths = np.array([0.5, 1, 2, 3, 4, 6])
X = centers[label] + widths[label, None] * rng.normal(size=(1500, 20))

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
for ax, weight in zip(axes, (0, 0.2, 1), strict=True):
    forces = ("density", {"weight": weight}) if weight else None
    embedding = TSNE(random_state=0, forces=forces).fit(X)
    names = [f"width {width:g}" for width in widths[label]]
    embedding.plot(names, ax, legend=weight == 1)
    ax.set_title(
        f"weight {weight:g}: correlation {density_correlation(embedding):.2f}, "
        f"KL {embedding.kl_divergence:.2f}"
    )
figure.savefig("density.png", dpi=100)
