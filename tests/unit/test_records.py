"""A record is a frozen dataclass in all that can be seen of it; only what it costs to make is another."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import dataclass, field

import pytest

from certpush.records import record


def _shapes(kind, **more):
    @kind(frozen=True, slots=True, **more)
    class Shape:
        """One with all that there is."""

        name: str
        size: int = 3
        parts: list[str] = field(default_factory=list, compare=False)
        hidden: str = field(default="x", repr=False)

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("nothing is that small")

        @property
        def double(self) -> int:
            return self.size * 2

    return Shape


REAL, OURS = _shapes(dataclass), _shapes(record)
BOTH = pytest.mark.parametrize("shape", [REAL, OURS], ids=["dataclass", "record"])


@record(frozen=True, slots=True)
class Kept:
    """Known by its name, as a pickle wants it."""

    name: str
    size: int = 0


@BOTH
@pytest.mark.parametrize(
    ("given", "named"),
    [(("a",), {}), ((), {"name": "a"}), (("a", 4), {}), (("a",), {"size": 4, "hidden": "y"}), (("a", 1, ["p"], "h"), {})],
)
def test_it_is_made_and_shown_as_a_dataclass_is(shape, given, named):
    one, real = shape(*given, **named), REAL(*given, **named)
    assert dataclasses.asdict(one) == dataclasses.asdict(real)
    assert repr(one) == repr(real)
    assert one.double == real.double


@BOTH
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        (("a", 1, [], "h", 5), {}),
        (("a",), {"name": "b"}),
        (("a",), {"nonsense": 1}),
        ((), {"size": 1}),
        ((), {"name": "a", "x": 1}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(shape, given, named):
    with pytest.raises(TypeError, match=r"argument"):
        shape(*given, **named)


@BOTH
def test_what_is_checked_after_it_is_made_is_checked(shape):
    with pytest.raises(ValueError, match="small"):
        shape("a", -1)


@BOTH
def test_defaults_are_its_own(shape):
    shape("a").parts.append("p")
    assert shape("a").parts == []


@BOTH
def test_it_is_compared_by_what_counts(shape):
    assert shape("a", 1, ["p"]) == shape("a", 1, ["q"])
    assert hash(shape("a", 1)) == hash(shape("a", 1))
    assert shape("a") != shape("b")
    assert shape("a") != ("a", 3)
    assert REAL("a") != OURS("a")


@BOTH
def test_it_never_changes(shape):
    one = shape("a")
    for name, refusal in (("name", dataclasses.FrozenInstanceError), ("nonsense", (AttributeError, TypeError))):
        with pytest.raises(refusal):
            setattr(one, name, "b")
        with pytest.raises(refusal):
            delattr(one, name)
    assert one == shape("a")
    assert not hasattr(one, "__dict__")


@BOTH
def test_the_tools_for_dataclasses_take_it(shape):
    one = shape("a", 4, ["p"])
    assert dataclasses.is_dataclass(shape)
    assert dataclasses.replace(one, size=5) == shape("a", 5, ["p"])
    assert [each.name for each in dataclasses.fields(shape)] == ["name", "size", "parts", "hidden"]
    match one:
        case shape(name, size):
            assert (name, size) == ("a", 4)
    twin = copy.deepcopy(one)
    assert twin == one
    assert twin.parts is not one.parts
    assert str(inspect.signature(shape)) == str(inspect.signature(REAL))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_pickled_as_one(protocol):
    assert pickle.loads(pickle.dumps(Kept("a", 2), protocol)) == Kept("a", 2)


@pytest.mark.parametrize("kind", [dataclass, record])
def test_names_alone_where_that_is_wanted(kind):
    @kind(frozen=True, kw_only=True)
    class Named:
        name: str
        size: int = 3

    assert Named(name="a").size == 3
    assert str(inspect.signature(Named)) == "(*, name: 'str', size: 'int' = 3) -> None"
    with pytest.raises(TypeError):
        Named("a")


@pytest.mark.parametrize("kind", [dataclass, record])
def test_it_is_ordered_where_that_is_wanted(kind):
    @kind(frozen=True, slots=True, order=True)
    class Version:
        major: int
        minor: int

    assert sorted([Version(2, 0), Version(1, 5), Version(1, 2)]) == [Version(1, 2), Version(1, 5), Version(2, 0)]
    assert Version(1, 0) <= Version(1, 0) < Version(1, 1)
    assert Version(1, 1) > Version(1, 0) >= Version(1, 0)
    with pytest.raises(TypeError):
        Version(1, 0) < 3  # noqa: B015 - it is refused


@pytest.mark.parametrize("kind", [dataclass, record])
def test_what_a_class_says_itself_stays(kind):
    @kind(frozen=True, slots=True)
    class Shy:
        secret: str

        def __repr__(self) -> str:
            return "Shy(<redacted>)"

    assert repr(Shy("x")) == "Shy(<redacted>)"


@pytest.mark.parametrize("kind", [dataclass, record])
def test_what_is_made_from_it_may_have_more(kind):
    @kind(frozen=True)
    class Base:
        name: str

    class Below(Base):
        pass

    one = Below("a")
    one.more = 1
    del one.more
    for change in (lambda: setattr(one, "name", "b"), lambda: delattr(one, "name")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()


def test_what_changes_is_no_record():
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False)
