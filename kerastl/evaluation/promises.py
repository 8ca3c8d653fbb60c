"""What a threshold promises about new data, as frozen records; the bounds are one-sided, 90 %."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kerastl.config.policies import FALSE_ACCEPTS


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a promise costs: a quantity at the promising threshold and at the point choice."""

    quantity: str
    value: float
    at_point_choice: float

    def __str__(self) -> str:
        name = self.quantity.removesuffix("_share")
        return f"{name} {self.value:.2f}, not {self.at_point_choice:.2f}"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """How much a threshold promises, and what that rests on."""

    quantity: str  # "sensitivity", "specificity", "precision" or "false_accepts_per_hour"
    limit: float  # lowest share or highest rate
    is_promised: bool | None  # None if no promise was asked for, as by "sensitivity~0.9"
    value: float  # on the data that the threshold was chosen on
    bound: float | None  # lower for a share, upper for a rate; None if nothing is known
    count: int  # of what the bound rests on
    unit: str  # plural noun: "positives", "negatives", "examples called positive", "voices"
    effective: float  # the count without what groups have in common
    needed: int | None = None  # of the unit for a promise; None: promised, or no number is enough
    price: Price | None = None  # None if nothing was promised

    @property
    def sign(self) -> str:
        """How the bound is to be read: "≥" for a share, "≤" for a rate."""
        return "≤" if self.quantity == FALSE_ACCEPTS else "≥"


@dataclass(frozen=True, kw_only=True)
class ThresholdFacts:
    """The policy of a threshold, its bounds and its promise."""

    policy: str
    bounds: Mapping[str, float] = field(default_factory=dict)  # of sensitivity and others
    promise: Promise | None = None
    note: str | None = None  # why nothing is promised, or at what cost

    def about_new_data(self) -> Iterator[str]:
        """Yields what the threshold promises about new data, its price, and its bounds."""
        promise = self.promise
        if promise is not None and promise.is_promised:
            price = f", at the price of {promise.price}" if promise.price else ""
            yield f"promised for new data{price}"
        bounds = {name: f"≥ {bound:.3f}" for name, bound in self.bounds.items()}
        if promise is not None and promise.quantity == FALSE_ACCEPTS and promise.bound is not None:
            bounds["false accepts per hour"] = f"≤ {promise.bound:.3g}"
        if bounds:
            shown = ", ".join(f"{name} {bound}" for name, bound in bounds.items())
            yield f"in new data with 90 % confidence {shown}"
