"""What the network says, in a test's own words."""

from lanchat.protocol.problems import Problem, ProblemDetails


def details_of(text: str) -> ProblemDetails:
    """Details that are shown as `text`, in every language."""
    return ProblemDetails.of(Problem.OTHER, reason=text)
