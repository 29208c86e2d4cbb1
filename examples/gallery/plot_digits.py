"""
A first map
===========

The 1,797 images of handwritten digits that ship with scikit-learn, 8 x 8 pixels each. All
parameters are the defaults but for the seed and the number of threads.
"""

import matplotlib.pyplot as plt
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from sklearn.datasets import load_digits

from tsnekit import TSNE

X, labels = load_digits(return_X_y=True)
embedding = TSNE(n_jobs=-1, random_state=0).fit(X)

# %%
# The embedding is an array of positions, and can be used wherever one can.

fig, ax = plt.subplots(figsize=(7, 6))
points = ax.scatter(*embedding.T, c=labels, cmap="tab10", s=8, linewidths=0)
ax.legend(*points.legend_elements(), title="digit", loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(xticks=[], yticks=[], aspect="equal", title="Handwritten digits")

# %%
# It also knows how it came about: which backends were used and why, how long each step took, and
# how well the map fits.

for step, choice in embedding.backends.items():
    print(f"{step:<26}{choice.name:<12}{choice.reason}")
for step, seconds in embedding.seconds.items():
    print(f"{step:<26}{seconds:.2f} s")
print(f"KL divergence             {embedding.kl_divergence:.3f}")

# %%
# The images themselves, a few at a time, show what the islands are about: slant, and the ways in
# which people write a 1.

fig, ax = plt.subplots(figsize=(8, 7))
ax.scatter(*embedding.T, c=labels, cmap="tab10", s=8, linewidths=0, alpha=0.25)
for i in range(0, len(X), 9):
    picture = OffsetImage(X[i].reshape(8, 8), zoom=1.6, cmap="gray_r")
    ax.add_artist(AnnotationBbox(picture, embedding[i], frameon=False))
ax.set(xticks=[], yticks=[], aspect="equal")
plt.show()
