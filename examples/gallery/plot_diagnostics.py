"""
How good is a map?
==================

A map cannot keep all of the data. What it keeps can be measured: whose neighbors are still
neighbors, and whether far is still far.
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
# All measures at once. On the map, points whose neighbors are not kept stand out: they lie where
# islands meet, or are drawn on their own.

report = diagnose(embedding)
print(report)
report.plot(figure=plt.figure(figsize=(13, 7.5), layout="constrained"))

# %%
# The same measures of any map, by whatever method, compare maps. A picture of two principal
# components keeps distances, and hardly any neighbors; t-SNE is the other way round, and a larger
# perplexity or more exaggeration moves it along.

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
