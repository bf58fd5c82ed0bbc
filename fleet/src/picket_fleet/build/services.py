"""Build the images of all services: the first alone, then several at a time, and all that they say as it comes."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from picket_fleet.build.errors import BuildError
from picket_fleet.build.project import Recipe

AT_A_TIME = 4
LOOK_SECONDS = 0.5
LINES = 1000  # that wait for a slow connection; then the builders wait

Say = Callable[[str, str], None]
Make = Callable[[Recipe, Callable[[str], None]], str]


class _Stopped(Exception):  # noqa: N818
    """Another service could not be built."""


def build_all(recipes: Mapping[str, Recipe], make: Make, say: Say, still_there: Callable[[], None]) -> dict[str, str]:
    """Return by service what `make` returns for its recipe, called once for equal ones; raises its first BuildError.

    `make` runs in other threads and is given what to speak with; `say(service, line)` and `still_there`, which may
    raise, run in this one. The first service is built alone: what others have in common with it is then in the cache.
    """
    named: dict[Recipe, list[str]] = {}
    for service, recipe in recipes.items():
        named.setdefault(recipe, []).append(service)
    first, *others = named
    built = _Crew([first], make, named).work(say, still_there)
    return built | _Crew(others, make, named).work(say, still_there)


class _Crew:
    """Threads that build recipes. They are daemons: one that waits for the engine must not hold up the end."""

    def __init__(self, recipes: Sequence[Recipe], make: Make, named: Mapping[Recipe, list[str]]) -> None:
        self._recipes = iter(recipes)
        self._make = make
        self._named = named
        self._said: queue.Queue[tuple[str, str]] = queue.Queue(LINES)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._errors: list[Exception] = []
        self._built: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in recipes[:AT_A_TIME]]

    def work(self, say: Say, still_there: Callable[[], None]) -> dict[str, str]:
        for thread in self._threads:
            thread.start()
        try:
            while self._goes_on() or not self._said.empty():
                still_there()
                try:
                    say(*self._said.get(timeout=LOOK_SECONDS))
                except queue.Empty:
                    continue
        finally:
            self._stopped.set()
        if self._errors:
            raise self._errors[0]
        return self._built

    def _goes_on(self) -> bool:
        return not self._stopped.is_set() and any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                recipe = next(self._recipes, None)
            if recipe is None:
                return
            services = self._named[recipe]

            def speak(line: str, service: str = services[0]) -> None:
                while not self._stopped.is_set():
                    with suppress(queue.Full):
                        return self._said.put((service, line), timeout=LOOK_SECONDS)
                raise _Stopped

            try:
                image = self._make(recipe, speak)
                self._built.update(dict.fromkeys(services, image))
            except _Stopped:
                return
            except Exception as error:
                self._errors.append(BuildError(f"{services[0]}: {error}") if isinstance(error, BuildError) else error)
                self._stopped.set()
