"""Walk through every word over an alphabet of steps, and judge the state that each of them ends in.

Words that lead to the same state have the same future, so states are kept once, with the number of words that lead
there. That is the whole trick: a million words are some ten thousand states.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache


class Verdict(Enum):
    """What became of a word. `NOTHING`: nobody ever said anything, so there is nothing to judge."""

    NOTHING = "nothing said"
    RIGHT = "right"
    WRONG = "a place open against the person's latest word"
    STUCK = "a place closed although the person opted in again"


@dataclass
class Count:
    """How many words ended how, and the first (shortest) word of each bad end."""

    words: int = 0
    wrong: int = 0
    stuck: int = 0
    states: int = 0
    first_wrong: str = ""
    first_stuck: str = ""

    def add(self, verdict: Verdict, words: int, word: str) -> None:
        """Count one state that `words` words lead to, `word` being the first of them."""
        if verdict is Verdict.NOTHING:
            return
        self.words += words
        if verdict is Verdict.WRONG:
            self.wrong += words
            self.first_wrong = self.first_wrong or word
        elif verdict is Verdict.STUCK:
            self.stuck += words
            self.first_stuck = self.first_stuck or word


def walk[S: Hashable](
    start: S, alphabet: Iterable[str], step: Callable[[S, str], S], judge: Callable[[S], Verdict], depth: int
) -> Count:
    """Judge every word of 1 to `depth` steps from `start`. `step` must give equal states where the future is equal."""
    alphabet, count = tuple(alphabet), Count()
    step, judge = cache(step), cache(judge)
    layer: dict[S, tuple[int, str]] = {start: (1, "")}
    for _ in range(depth):
        after: dict[S, tuple[int, str]] = {}
        for state, (words, word) in layer.items():
            for symbol in alphabet:
                reached = step(state, symbol)
                known = after.get(reached)
                after[reached] = (known[0] + words, known[1]) if known else (words, f"{word} {symbol}".strip())
        layer = after
        count.states += len(layer)
        for state, (words, word) in layer.items():
            count.add(judge(state), words, word)
    return count
