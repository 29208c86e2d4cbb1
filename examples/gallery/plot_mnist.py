"""
MNIST
=====

This is a map of the 70,000 digits on which t-SNE programs are usually compared. The images are
reduced to 50 principal components.

.. image:: /images/mnist.png
   :alt: A map of MNIST with ten islands, one for each digit

The data does not come with tsnekit. The program below made the picture above. It runs if the
environment variable ``TSNEKIT_MNIST`` names a ``.npz`` file with the images as rows of ``X`` and
the digits as ``y``.
"""

# sphinx_gallery_thumbnail_path = 'images/mnist.png'

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from tsnekit import TSNE


def load():
    """Return the rows and their digits, or None if there is no file."""
    path = os.environ.get("TSNEKIT_MNIST")
    if not path:
        print("TSNEKIT_MNIST is not set: the rest of this example is skipped")
        return None
    with np.load(path) as archive:
        return archive["X"].reshape(-1, 784).astype(np.float32), archive["y"]


# %%
# Fewer than 50 components lose detail, and more only cost time.

data = load()
if data is not None:
    X, labels = data
    X = PCA(50, svd_solver="covariance_eigh").fit_transform(X)
    embedding = TSNE(neighbors="fastest", n_jobs=-1, random_state=0).fit(X)
    print(f"neighbors by {embedding.backends['neighbors'].name}")
    for step, seconds in embedding.seconds.items():
        print(f"{step:<20}{seconds:6.1f} s")

    fig, ax = plt.subplots(figsize=(8, 7), layout="constrained")
    embedding.plot(labels, ax=ax, title="70,000 digits")
    plt.show()
