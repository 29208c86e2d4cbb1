"""How a phase of the optimization goes: what is in force at each iteration, and when it ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tsnekit._descent.endings import Ending
from tsnekit._descent.parameters import DescentParameters
from tsnekit._util.threads import resolve_n_jobs
from tsnekit.interfaces import Phase

__all__ = ["Course", "resolve_learning_rate"]


def resolve_learning_rate(learning_rate: float | str, n_samples: int, exaggeration: float) -> float:
    """Return the learning rate, n / exaggeration for "auto".

    References
    ----------
    A. C. Belkina et al. "Automated optimized parameters for T-distributed stochastic neighbor
    embedding improve visualization and analysis of large datasets". Nature Communications 10
    (2019), 5415.
    """
    return n_samples / exaggeration if isinstance(learning_rate, str) else float(learning_rate)


@dataclass(frozen=True, kw_only=True)
class Course:
    """A phase, the way to its exaggeration, and its end.

    Exaggeration of an earlier phase fades: from one iteration to the next it loses no more than a
    share of itself. What is in force only depends on the exaggeration of the last iteration, so
    that a hundred phases of one iteration are one phase of a hundred.

    Parameters
    ----------
    phase : Phase
        What is in force when the exaggeration has faded.
    ending : Ending
    fade : float, default=1
        The greatest share that the exaggeration loses; 1 for all at once.
    learning_rate : float or "auto", default="auto"
        As it was asked for: "auto" follows the exaggeration.
    n_auto : int, default=1
        The number of samples that "auto" divides by the exaggeration.
    """

    phase: Phase
    ending: Ending
    fade: float = 1.0
    learning_rate: float | str = "auto"
    n_auto: int = 1

    @classmethod
    def of(cls, name: str, ending: Ending, parameters: DescentParameters, n_auto: int) -> Course:
        """Return the course of a phase with some parameters.

        Parameters
        ----------
        name : str
        ending : Ending
        parameters : DescentParameters
        n_auto : int
            See `Course`.
        """
        exaggeration = 1.0 if parameters.exaggeration is None else float(parameters.exaggeration)
        rate = parameters.learning_rate
        phase = Phase(
            name=name,
            n_iter=ending.at_most,
            learning_rate=resolve_learning_rate(rate, n_auto, exaggeration),
            momentum=float(parameters.momentum),
            exaggeration=exaggeration,
            max_grad_norm=parameters.max_grad_norm,
            max_step_norm=parameters.max_step_norm,
            n_jobs=resolve_n_jobs(parameters.n_jobs),
        )
        return cls(
            phase=phase,
            ending=ending,
            fade=float(parameters.fade),
            learning_rate=rate,
            n_auto=n_auto,
        )

    def after(self, exaggeration: float | None) -> Phase:
        """Return what is in force after an iteration with an exaggeration, None if there is none.

        Parameters
        ----------
        exaggeration : float or None

        Returns
        -------
        Phase
        """
        left = 0.0 if exaggeration is None else exaggeration * (1 - self.fade)
        if left <= self.phase.exaggeration:
            return self.phase
        rate = resolve_learning_rate(self.learning_rate, self.n_auto, left)
        return dataclasses.replace(self.phase, exaggeration=left, learning_rate=rate)
