"""What a command says when it is done, for people or as JSON."""

from __future__ import annotations

import argparse
import json
from typing import Any

__all__ = ["add_summary", "show_summary", "summary_of"]

SAVED = ("output", "plot", "html", "report")


def add_summary(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is shown."""
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def summary_of(
    embedding: Any, args: argparse.Namespace, seconds: dict[str, float] | None = None
) -> dict[str, Any]:
    """Return what there is to say of a map."""
    return {
        "n_samples": embedding.shape[0],
        "n_components": embedding.shape[1],
        "iterations": embedding.state.iteration,
        "phases": {
            name: {"iterations": end.n_iter, "ended because": end.reason}
            for name, end in embedding.endings.items()
        },
        **_losses_of(embedding),
        "backends": {
            point: {
                "name": choice.name,
                "from": choice.origin,
                "reason": choice.reason,
                "recall": choice.recall,
            }
            for point, choice in embedding.backends.items()
        },
        "seconds": {
            name: round(value, 3) for name, value in ((seconds or {}) | embedding.seconds).items()
        },
    } | {name: getattr(args, name) for name in SAVED if hasattr(args, name)}


def _losses_of(embedding: Any) -> dict[str, Any]:
    """Return the divergence, and other losses if there are any; a map of a cluster has none."""
    from tsnekit.specs import KL_DIVERGENCE

    if not hasattr(embedding, "losses"):
        return {"kl_divergence": embedding.kl_divergence}
    losses = dict(embedding.losses)
    divergence = losses.pop(KL_DIVERGENCE)
    return {"kl_divergence": divergence, **({"other_losses": losses} if losses else {})}


def show_summary(title: str, summary: dict[str, Any], args: argparse.Namespace) -> None:
    """Print a summary."""
    print(json.dumps(summary, indent=2) if args.json else _as_text(title, summary))


def _as_text(title: str, summary: dict[str, Any]) -> str:
    lines = [title]
    if "kl_divergence" in summary:
        lines.append(f"KL divergence  {summary['kl_divergence']:.4f}")
    for name, value in summary.get("other_losses", {}).items():
        lines.append(f"{name:<15}{value:.4f}")
    for name, phase in summary.get("phases", {}).items():
        lines.append(f"{name:<25}{phase['iterations']:<20}{phase['ended because']}")
    for point, choice in summary.get("backends", {}).items():
        recall = "" if choice["recall"] is None else f", recall {choice['recall']:.3f}"
        lines.append(f"{point:<25}{choice['name']:<20}{choice['reason']}{recall}")
    if "seconds" in summary:
        timings = "  ".join(f"{name} {value:.2f}" for name, value in summary["seconds"].items())
        lines.append(f"seconds        {timings}  total {sum(summary['seconds'].values()):.2f}")
    for name, value in summary.get("diagnostics", {}).items():
        lines.append(f"{name:<30} {value:.6g}")
    wanted = [name for name in SAVED if name in summary]
    saved = [summary[name] for name in wanted if summary[name] is not None]
    options = " and ".join(f"--{name}" for name in wanted[:2])
    lines.append(f"saved          {', '.join(saved) or f'nothing; see {options}'}")
    return "\n".join(lines)
