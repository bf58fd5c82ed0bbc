"""Many images at a time, and one voice."""

import threading
from collections.abc import Callable

import pytest

from picket_fleet.build.errors import BuildError, Cancelled
from picket_fleet.build.project import Recipe
from picket_fleet.build.services import AT_A_TIME, build_all

RECIPES = {name: Recipe(context=name) for name in ("a", "b", "c", "d", "e")}
Speak = Callable[[str], None]


def nothing(*_: str) -> None:
    pass


def test_equal_recipes_are_one_image() -> None:
    made = []

    def make(recipe: Recipe, speak: Speak) -> str:
        made.append(recipe.context)
        speak("Step 1")
        return f"image-{recipe.context}"

    said: list[tuple[str, str]] = []
    built = build_all({**RECIPES, "twin": RECIPES["a"]}, make, lambda *words: said.append(words), nothing)

    assert built == {**{name: f"image-{name}" for name in RECIPES}, "twin": "image-a"}
    assert sorted(made) == list(RECIPES)
    assert sorted(said) == [(name, "Step 1") for name in RECIPES]


def test_the_first_is_built_alone_then_several_at_a_time() -> None:
    alone = threading.Event()
    together = threading.Barrier(AT_A_TIME, timeout=30)

    def make(recipe: Recipe, _: Speak) -> str:
        if recipe.context == "a":
            alone.set()
        else:
            assert alone.is_set()
            together.wait()
        return recipe.context

    assert build_all(RECIPES, make, nothing, nothing) == {name: name for name in RECIPES}


def test_one_that_fails_is_named_and_stops_the_others() -> None:
    def make(recipe: Recipe, speak: Speak) -> str:
        if recipe.context == "b":
            raise BuildError("returned a non-zero code: 1")
        while recipe.context != "a":
            speak("still here")
        return recipe.context

    with pytest.raises(BuildError, match=r"^b: returned a non-zero code: 1$"):
        build_all(RECIPES, make, nothing, nothing)


def test_a_failure_is_told_while_others_are_silent() -> None:
    told = threading.Event()
    silent: list[bool] = []

    def make(recipe: Recipe, _: Speak) -> str:
        if recipe.context == "b":
            raise BuildError("no")
        if recipe.context != "a":
            silent.append(told.wait(30))
        return recipe.context

    with pytest.raises(BuildError):
        build_all(RECIPES, make, nothing, nothing)
    told.set()
    assert False not in silent


def test_it_ends_when_nobody_waits_any_more() -> None:
    release = threading.Event()

    def gone() -> None:
        raise Cancelled

    def make(_: Recipe, __: Speak) -> str:
        release.wait(30)
        return ""

    with pytest.raises(Cancelled):
        build_all(RECIPES, make, nothing, gone)
    release.set()
