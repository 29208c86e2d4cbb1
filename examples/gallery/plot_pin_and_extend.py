"""
Pinning points, and extending a map
===================================

Points can be pinned while others move: a landmark that readers expect at its place, or a published
map that gets new samples. Unlike ``transform``, ``extend`` lets new points attract and repel one
another. A new kind of points then forms an island of its own.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from tsnekit import TSNE, TSNEEmbedding
from tsnekit.affinity import PerplexityBasedNN

X, labels = load_digits(return_X_y=True)
known = labels < 8  # the digits 8 and 9 come later

embedding = TSNE(n_jobs=-1, random_state=0).fit(X[known])
alone = embedding.transform(X[~known])
around = embedding.extend(X[~known], fixed=True, n_iter=500)
together = embedding.extend(X[~known], n_iter=500)

# %%
# ``transform`` has to put the 8s and 9s somewhere among the old points. ``extend`` makes room for
# them. With ``fixed=True`` it moves no old point, and otherwise it moves all points.

order = np.r_[labels[known], labels[~known]]
late = order >= 8
maps = {
    "transform": np.concatenate([embedding, alone]),
    "extend, the old points fixed": around,
    "extend": together,
}
fig, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
for ax, (title, positions) in zip(axes, maps.items(), strict=True):
    ax.scatter(*positions[~late].T, c=order[~late], cmap="tab10", vmax=9, s=4, alpha=0.4, lw=0)
    ax.scatter(*positions[late].T, c=order[late], cmap="tab10", vmin=0, s=8, linewidths=0)
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim", title=title)
print("old points in place:", np.array_equal(around[: len(embedding)], embedding))

# %%
# The parameter ``fixed`` of ``optimize`` pins any points, by a mask or by weights from 0 (free) to
# 1 (pinned). Here every eighth digit is placed on a clock face, and the map forms around these
# points.

pinned = np.arange(len(X)) % 8 == 0
angle = 2 * np.pi * labels / 10
rng = np.random.default_rng(0)
clock = 40 * np.column_stack([np.sin(angle), np.cos(angle)]) + 2 * rng.normal(size=(len(X), 2))
positions = np.where(pinned[:, None], clock, 1e-4 * rng.normal(size=(len(X), 2)))

affinities = PerplexityBasedNN(X, n_jobs=-1, random_state=0)
start = TSNEEmbedding(positions, affinities, n_jobs=-1)
finished = start.optimize(250, exaggeration=12, fixed=pinned).optimize(500, fixed=pinned)

fig, ax = plt.subplots(figsize=(6, 5.8), layout="constrained")
ax.scatter(*finished[~pinned].T, c=labels[~pinned], cmap="tab10", s=5, linewidths=0)
ax.scatter(*finished[pinned].T, c=labels[pinned], cmap="tab10", s=14, lw=0.5, edgecolors="black")
for digit in range(10):
    place = np.median(clock[labels == digit], axis=0) * 0.72
    ax.annotate(str(digit), place, ha="center", va="center", weight="bold", size=13)
ax.set(xticks=[], yticks=[], aspect="equal", title="One digit in eight pinned to a clock face")
plt.show()
