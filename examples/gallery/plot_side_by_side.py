"""
Perplexity, exaggeration and degrees of freedom
===============================================

Three parameters change a map the most. Here are their effects side by side. On small data,
affinities take the most time, and they depend on the perplexity only. So they are computed once for
each perplexity, and the neighbors once for all.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN

X, labels = load_digits(return_X_y=True)


def draw(maps, title):
    """Draw four maps, each under its key."""
    fig, axes = plt.subplots(2, 2, figsize=(7.5, 7.8), layout="constrained")
    for ax, (key, embedding) in zip(axes.flat, maps.items(), strict=True):
        embedding.plot(labels, ax=ax, size=5, legend=False, title=key)
    fig.suptitle(title)


# %%
# The perplexity is roughly the number of neighbors that attract a point. Few neighbors give many
# small islands, and some of these are chance. Many neighbors give the broad outline and blur the
# islands. The last map mixes a small perplexity with a large one.

affinities = PerplexityBasedNN(X, perplexity=200, n_jobs=-1, random_state=0)
maps = {}
for perplexity in (3, 30, 200):
    affinities = PerplexityBasedNN(knn_index=affinities.knn_index, perplexity=perplexity, n_jobs=-1)
    maps[f"{perplexity}"] = TSNE(n_jobs=-1, random_state=0).fit(X, affinities)
maps["10 and 200"] = TSNE(perplexity=[10, 200], n_jobs=-1, random_state=0).fit(X)
draw(maps, "Perplexity")

# %%
# Exaggeration multiplies the attraction between neighbors. More exaggeration makes denser islands
# with more space around them, and keeps related islands near one another.

affinities = PerplexityBasedNN(knn_index=affinities.knn_index, perplexity=30, n_jobs=-1)
maps = {
    f"{exaggeration}": TSNE(exaggeration=exaggeration, n_jobs=-1, random_state=0).fit(X, affinities)
    for exaggeration in (1, 2, 4, 12)
}
draw(maps, "Exaggeration")

# %%
# The degrees of freedom set how heavy the tails of the kernel in the map are. Below 1, points repel
# each other from farther away, and islands fall apart into smaller ones. Above 1, the kernel is
# closer to the Gaussian of the original SNE, and points crowd together.

maps = {
    f"{dof}": TSNE(dof=dof, n_jobs=-1, random_state=0).fit(X, affinities) for dof in (0.5, 1, 2, 10)
}
draw(maps, "Degrees of freedom")
plt.show()
