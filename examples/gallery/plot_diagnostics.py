"""
How good is a map?
==================

A map cannot keep everything in the data. Measures tell what it keeps: how many neighbors are still
neighbors, and whether distant points are still distant.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from tsnekit import TSNE
from tsnekit.callbacks import KLHistory
from tsnekit.diagnostics import diagnose, distance_correlation, neighbors_kept, trustworthiness
from tsnekit.initialization import pca

X, labels = load_digits(return_X_y=True)
embedding = TSNE(n_jobs=-1, random_state=0, callbacks=KLHistory(), callbacks_every_iters=10).fit(X)

# %%
# ``diagnose`` takes all measures at once. On its map, points that lost their neighbors stand out.
# They lie where islands meet, or alone.

report = diagnose(embedding)
print(report)
report.plot(figure=plt.figure(figsize=(13, 7.5), layout="constrained"))

# %%
# The same measures compare maps of any method. Two principal components keep distances and hardly
# any neighbors. t-SNE does the opposite. A larger perplexity or more exaggeration changes the
# balance.

maps = {
    "principal components": pca(X, random_state=0),
    "t-SNE": embedding,
    "t-SNE, perplexity 300": TSNE(perplexity=300, n_jobs=-1, random_state=0).fit(X),
    "t-SNE, exaggeration 4": TSNE(exaggeration=4, n_jobs=-1, random_state=0).fit(X),
}
print(f"{'':<24}neighbors kept   trustworthiness   distance correlation")
for name, positions in maps.items():
    print(
        f"{name:<24}{neighbors_kept(X, positions):>14.2f}"
        f"{trustworthiness(X, positions):>18.3f}{distance_correlation(X, positions):>23.2f}"
    )
plt.show()
