"""
An animation, by snapshots
==========================

Callbacks look at a map while it forms. `tsnekit.callbacks.Snapshots` keeps copies of the positions.
Other callbacks log, save checkpoints, or end the optimization.
"""

import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from sklearn.datasets import load_digits

from tsnekit import TSNE
from tsnekit.callbacks import Snapshots, StopOnConvergence

X, labels = load_digits(return_X_y=True)
snapshots = Snapshots()
TSNE(n_jobs=-1, random_state=0, callbacks=snapshots, callbacks_every_iters=25).fit(X)

# %%
# The map starts at a width of a few 1e-4 and grows, so each picture has limits of its own.

fig, ax = plt.subplots(figsize=(4.4, 4.4), dpi=80)
points = ax.scatter(*snapshots.positions[0].T, c=labels, cmap="tab10", s=4, linewidths=0)
ax.set(xticks=[], yticks=[])


def draw(frame):
    """Show one snapshot."""
    positions = snapshots.positions[frame]
    points.set_offsets(positions)
    low, high = positions.min(axis=0), positions.max(axis=0)
    margin = 0.05 * (high - low)
    ax.set_xlim(low[0] - margin[0], high[0] + margin[0])
    ax.set_ylim(low[1] - margin[1], high[1] + margin[1])
    ax.set_title(f"iteration {snapshots.iterations[frame]}")
    return (points,)


animation = FuncAnimation(fig, draw, frames=len(snapshots.positions), interval=180)

# %%
# The snapshots record the divergence, too. It does not include early exaggeration, so it drops when
# early exaggeration ends, after 250 iterations.

fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(snapshots.iterations, snapshots.errors, marker=".")
ax.axvline(250, color="0.7", linewidth=1)
ax.set(xlabel="iteration", ylabel="KL divergence")
fig.tight_layout()

# %%
# A callback ends the optimization by returning a true value. This one waits until the divergence
# hardly falls any more. Any function can be a callback. A function with a parameter ``state`` also
# learns the phase and the global iteration.


def say(iteration, error, embedding, state):
    """Print one line."""
    print(f"{state.phase.name}, iteration {iteration}: KL divergence {error:.3f}")


embedding = TSNE(
    n_jobs=-1, random_state=0, n_iter=2000, callbacks=[say, StopOnConvergence(tolerance=0.005)]
).fit(X)
print("iterations in all:", embedding.state.iteration)
plt.show()
