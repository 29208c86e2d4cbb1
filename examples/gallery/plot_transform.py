"""
New points in a finished map
============================

A map is made once, and new rows are placed in it later. The old points attract and repel each new
point, and the other new points do not. So a new point gets the same place alone and in any batch.
The map itself does not move.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from tsnekit import TSNE

X, labels = load_digits(return_X_y=True)
X_old, X_new, old, new = train_test_split(X, labels, test_size=300, random_state=0)

embedding = TSNE(n_jobs=-1, random_state=0).fit(X_old)
placed = embedding.transform(X_new)

fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
placed.plot(new, ax=ax, reference=True, reference_labels=old, size=20)
ax.set_title("1,497 digits, pale, and 300 new ones")

# %%
# Most new points are placed among points of their own digit.

kind = KNeighborsClassifier(10).fit(embedding, old)
print(
    f"{kind.score(placed, new):.1%} of the new digits lie where most old points are of their digit"
)

# %%
# A point does not depend on its batch.

alone = embedding.transform(X_new[:1])
print("the same place alone:", np.array_equal(alone[0], placed[0]))

# %%
# The steps of ``transform`` can also be done one by one, with other starts and schedules. Here the
# new points begin at random places instead of among their neighbors. Some of them do not reach
# their neighbors.

partial = embedding.prepare_partial(X_new, initialization="random", perplexity=5)
steps = {"random start": partial}
for n_iter in (20, 80, 400):
    steps[f"{n_iter} iterations later"] = partial = partial.optimize(
        n_iter, learning_rate="auto", exaggeration=1.5, max_grad_norm=None, max_step_norm=5
    )

fig, axes = plt.subplots(2, 2, figsize=(7.5, 8), layout="constrained")
for ax, (title, positions) in zip(axes.flat, steps.items(), strict=True):
    positions.plot(new, ax=ax, reference=True, legend=False, title=title)
plt.show()
