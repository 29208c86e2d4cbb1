"""
Many points
===========

This map has some tens of thousands of rows. Three things change on the way to millions. The search
for neighbors takes the most time, exaggeration helps to keep groups in one place, and a picture of
single dots hides how dense the points are.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from tsnekit import TSNE

# %%
# The data are cells along a branching tree in 30 dimensions. They are synthetic and resemble
# single-cell data. For a larger run, change the first line.

n = 25_000
rng = np.random.default_rng(0)
n_branches = 14
parent = np.array([-1, *(rng.integers(0, b) for b in range(1, n_branches))])
start, end = np.zeros((2, n_branches, 30))
for b in range(n_branches):
    start[b] = end[parent[b]] if b else 0
    end[b] = start[b] + rng.normal(size=30) * 1.6
branch = rng.choice(n_branches, p=rng.dirichlet(np.full(n_branches, 2)), size=n)
along = rng.beta(1.2, 1.2, size=(n, 1))
X = start[branch] + along * (end[branch] - start[branch]) + 0.5 * rng.normal(size=(n, 30))
X = X.astype(np.float32)

# %%
# ``fastest`` picks the neighbor search with the least expected time: exact search for some thousand
# rows, and mostly the native forest for more. For this many points, ``auto`` chooses the mesh
# method for the gradient.

began = time.perf_counter()
embedding = TSNE(neighbors="fastest", exaggeration=1.5, n_jobs=-1, random_state=0).fit(X)
print(f"{n:,} rows in {time.perf_counter() - began:.1f} s")
for step in ("neighbors", "negative_gradient_method"):
    print(f"{step}: {embedding.backends[step].name}, {embedding.backends[step].reason}")
for step, seconds in embedding.seconds.items():
    print(f"{step:<20}{seconds:6.1f} s")

# %%
# With 50,000 points or more, or on request, ``plot`` draws an image instead of dots. Each pixel has
# the color of most of its points, and more points make it more opaque. The work hardly grows with
# the number of points, and dense and thin parts look different.

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5.6), layout="constrained")
embedding.plot(branch, ax=left, size=8, legend=False, title="dots that hide one another")
embedding.plot(branch, ax=right, rasterize=True, legend=False, title="an image")
plt.show()
