"""
Sparse data: texts
==================

Texts are usually sparse rows of word frequencies, which are compared by the cosine. Give such a
matrix to t-SNE as it is; it stays sparse.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from tsnekit import TSNE

# %%
# The documents are made up. Each draws its words from a topic of its own, from a neighboring topic,
# and from words that all documents share.

rng = np.random.default_rng(0)
n_documents, n_words, n_topics = 1500, 5000, 12
topics = rng.dirichlet(np.full(n_words, 0.01), size=n_topics)
common = rng.dirichlet(np.full(n_words, 0.02))
topic = rng.integers(n_topics, size=n_documents)
blend = rng.beta(1, 6, size=n_documents)
words = [
    rng.multinomial(80, 0.55 * ((1 - b) * topics[t] + b * topics[(t + 1) % 12]) + 0.45 * common)
    for t, b in zip(topic, blend, strict=True)
]
X = TfidfTransformer().fit_transform(csr_matrix(np.array(words)))
print(f"{X.shape[0]:,} documents, {X.shape[1]:,} words, {X.nnz / np.prod(X.shape):.1%} not zero")

# %%
# For sparse data of 1,000 rows or more, ``neighbors="auto"`` is PyNNDescent. With 4,096 rows or
# more it compiles for half a minute on first use. So exact search is quicker up to some ten
# thousand rows.

embedding = TSNE(metric="cosine", neighbors="exact", n_jobs=-1, random_state=0).fit(X)

fig, ax = plt.subplots(figsize=(6.5, 6), layout="constrained")
ax.scatter(*embedding.T, c=topic, cmap="tab20", s=8, linewidths=0)
for t in range(n_topics):
    ax.annotate(f"topic {t}", np.median(embedding[topic == t], axis=0), ha="center", weight="bold")
ax.set(xticks=[], yticks=[], aspect="equal", title="Documents by topic")

# %%
# New texts are sparse rows as well.

placed = embedding.transform(X[:3])
print(np.abs(placed - embedding[:3]).max().round(2), "from where they were in the map")
plt.show()
