"""
Distances and graphs in place of data
=====================================

Not all data are vectors. A map can also be made from a matrix of distances, from a graph of
neighbors that another program computed, or from any weighted graph.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN, PrecomputedAffinities
from tsnekit.interfaces import NeighborGraph

# %%
# A matrix of distances
# ---------------------
#
# Here are gene sequences that descend from one another. Each generation copies its parent and
# changes some letters. The distance of two sequences is the share of letters in which they differ.

rng = np.random.default_rng(0)
sequences = rng.integers(4, size=(1, 400))
founder = np.zeros(1, dtype=int)
for generation in range(9):
    children = np.repeat(sequences, 2, axis=0)
    changed = rng.random(children.shape) < 0.06
    children[changed] = rng.integers(4, size=changed.sum())
    sequences = children
    founder = np.arange(8) if generation == 2 else np.repeat(founder, 2)
distances = np.array([(sequences != one).mean(axis=1) for one in sequences])

embedding = TSNE(metric="precomputed", initialization="spectral", random_state=0).fit(distances)
fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.scatter(*embedding.T, c=founder, cmap="tab10", s=14, linewidths=0)
ax.set(xticks=[], yticks=[], aspect="equal", title="512 sequences, by ancestor of generation 3")

# %%
# A graph of neighbors
# --------------------
#
# The neighbors of another program are given as two arrays, or as a sparse graph of distances from
# scikit-learn. Both give the same affinities, without a search.

X, labels = load_digits(return_X_y=True)
found = NearestNeighbors(n_neighbors=91).fit(X).kneighbors(X)
graph = NeighborGraph(indices=found[1][:, 1:], distances=found[0][:, 1:])
from_arrays = PerplexityBasedNN(knn_index=graph, perplexity=30)

sparse_graph = kneighbors_graph(X, n_neighbors=90, mode="distance")
from_sparse = PerplexityBasedNN(sparse_graph, metric="precomputed", perplexity=30)
print("largest difference of affinities:", abs(from_arrays.P - from_sparse.P).max())

# %%
# A weighted graph
# ----------------
#
# `~tsnekit.affinity.PrecomputedAffinities` takes any square matrix without negative entries. Here
# it is a town of streets around a lake. Walks of up to six corners tell which corners are near. The
# spectral initialization unfolds the town, and some exaggeration keeps it in one piece.

places = np.stack(np.meshgrid(np.arange(44), np.arange(28)), axis=-1).reshape(-1, 2)
offset = places - [18, 12]
outside = np.hypot(*offset.T) > 6
places, offset = places[outside], offset[outside]
streets = scipy.sparse.csr_matrix(
    np.abs(places[:, None] - places[None]).sum(axis=2) == 1, dtype=float
)
step = scipy.sparse.diags(1 / streets.sum(axis=1).A1) @ streets
walk = total = step
for _ in range(5):
    walk = walk @ step
    total = total + walk
total.setdiag(0)

affinities = PrecomputedAffinities(total + total.T)
embedding = TSNE(initialization="spectral", exaggeration=6, random_state=0).fit(
    affinities=affinities
)
# A map can be turned or mirrored. Here its axes are made to point like the axes of the town.
signs = np.sign((embedding * (places - places.mean(axis=0))).sum(axis=0))
maps = {"the town": places, "its map, from the streets alone": embedding * signs}
fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for ax, (title, positions) in zip(axes, maps.items(), strict=True):
    ax.scatter(*positions.T, c=np.arctan2(*offset.T), cmap="twilight", s=14, linewidths=0)
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim", title=title)
plt.show()
