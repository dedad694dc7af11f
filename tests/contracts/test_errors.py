"""The laws that every error obeys."""

import inspect
import pickle
import re
from pathlib import Path

import pytest

import pellucid
from pellucid import errors
from pellucid.errors import BatchError, InputError, PellucidError

KINDS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, PellucidError)]
TABLE = {"PellucidError": 1, "UsageError": 2, "InputError": 3, "BatchError": 4, "LimitError": 5}

every_kind = pytest.mark.parametrize("kind", KINDS)


def example(kind: type[PellucidError]) -> PellucidError:
    if kind is BatchError:
        return BatchError([("a.png", InputError("a.png is empty", "Give an image"))], 3)
    return kind("The lamp is out", "Switch it on")


@every_kind
def test_its_exit_code_is_that_of_its_nearest_kind_in_the_table(kind: type[PellucidError]) -> None:
    nearest = next(each.__name__ for each in kind.__mro__ if each.__name__ in TABLE)
    assert kind.exit_code == TABLE[nearest]


@every_kind
def test_it_says_what_happened_and_then_what_to_do(kind: type[PellucidError]) -> None:
    error = example(kind)
    assert str(error) == f"{error.problem}. {error.remedy}."
    assert not error.problem.endswith(".")
    assert not error.remedy.endswith(".")
    assert "\n" not in str(error)


@every_kind
def test_it_travels_between_processes(kind: type[PellucidError]) -> None:
    error = example(kind)
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (str(back), back.problem, back.remedy) == (str(error), error.problem, error.remedy)


@every_kind
def test_it_is_a_public_name(kind: type[PellucidError]) -> None:
    assert getattr(pellucid, kind.__name__) is kind
    assert kind.__name__ in pellucid.__all__


@every_kind
def test_the_drawing_shows_it_with_what_it_also_is(kind: type[PellucidError]) -> None:
    (line,) = re.findall(rf"^.*\b{kind.__name__}\b.*$", errors.__doc__ or "", re.MULTILINE)
    for builtin in (ValueError, OSError):
        named = builtin.__name__ in line
        assert named == (builtin in kind.__bases__)


def raised_texts() -> list[tuple[str, str]]:
    """Each literal that the package gives to one of its errors, with its file."""
    source = Path(pellucid.__file__).parent
    names = "|".join(kind.__name__ for kind in KINDS)
    found = []
    for path in source.rglob("*.py"):
        for call in re.findall(rf"raise (?:{names})\((.*?)\)(?: from \w+)?\n", path.read_text(), re.DOTALL):
            found.append((str(path.relative_to(source)), call.rstrip().rstrip(",")))
    return found


@pytest.mark.parametrize(("file", "call"), raised_texts())
def test_no_message_brings_its_own_full_stop(file: str, call: str) -> None:
    assert not re.search(r"\.['\"](?:\s*,|$)", call), f"{file}: {call}"
