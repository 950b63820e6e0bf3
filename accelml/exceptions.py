"""What goes wrong while training."""


class TrainingInterrupted(UserWarning):
    """Training was interrupted; the estimator holds the best parameters found until then."""


class DivergenceError(FloatingPointError, ValueError):
    """The loss stopped being finite; nothing was stored in the estimator."""
