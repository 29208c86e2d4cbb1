"""A log for all copies of a backend: every use of an instance takes a copy."""


class SharedLog(list):
    """A list that is not copied with the object that keeps it."""

    def __deepcopy__(self, memo):
        return self
