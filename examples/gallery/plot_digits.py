"""
A first map
===========

This is a map of the 1,797 images of handwritten digits that come with scikit-learn, 8 x 8 pixels
each. All parameters except the seed and the number of threads are the defaults.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

from tsnekit import TSNE

X, labels = load_digits(return_X_y=True)
embedding = TSNE(n_jobs=-1, random_state=0).fit(X)

# %%
# The embedding draws itself. It chooses fitting colors, sizes and a legend.

fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
embedding.plot(labels, ax=ax, title="Handwritten digits")

# %%
# The embedding is an array of positions and works like any other array. It also knows its history:
# which backends were used and why, how long each step took, and how well the map fits.

for step, choice in embedding.backends.items():
    print(f"{step:<26}{choice.name:<12}{choice.reason}")
for step, seconds in embedding.seconds.items():
    print(f"{step:<26}{seconds:.2f} s")
print(f"KL divergence             {embedding.kl_divergence:.3f}")

# %%
# The images themselves show what the islands mean: slant, and the ways in which people write a 1.
# Only images with enough room are drawn.

fig, ax = plt.subplots(figsize=(8, 8), layout="constrained")
embedding.plot(labels, ax=ax, alpha=0.3, legend=False)
shown = []
for i, place in enumerate(embedding):
    if all(np.hypot(*(place - embedding[j])) > 3.5 for j in shown):
        shown.append(i)
        picture = OffsetImage(X[i].reshape(8, 8), zoom=1.8, cmap="gray_r")
        ax.add_artist(AnnotationBbox(picture, place, frameon=False))
plt.show()
