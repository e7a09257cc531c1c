"""One round of mining in a training run: embed, search, judge, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from training.corpus import Corpus
from training.embed import embed_texts
from training.judge import HUMAN, HumanJudge
from training.judges.opening import OpenJudge
from training.mined_pairs import MinedPairs
from training.mining import Mined, mine
from training.model import TwinEncoder
from training.recipe import Recipe


def mine_round(
    encoder: TwinEncoder,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    judge: OpenJudge | None,
    number: int,
    earlier: MinedPairs | None,
    say: Callable[[str], None],
) -> tuple[Mined, dict[str, Any]]:
    """Mine with the encoder as it is; `judge` grades what has no grade yet.

    Gives what was mined in this round and those before, and the round's report; says what came of
    it and what the judge has cost.
    """
    began = time.monotonic()
    graded, prefix = corpus.train, recipe.text.query_prefix
    queries = [prefix + query for query in graded]
    # The unique training items, as in the paper: most others no judge could grade.
    rows = sorted({row for grades in graded.values() for row in grades})
    items = [corpus.items[row] for row in rows]
    mined = mine(
        embed_texts(encoder, tokenizer, queries, "query"),
        embed_texts(encoder, tokenizer, items, "item"),
        graded,
        HumanJudge(graded),
        recipe.mine.depth,
        recipe.instances,
        np.array(rows),
        further={judge.source: judge.judge} if judge else {},
        judge_name=HUMAN,
        sources=corpus.sources,
        round_number=number,
        earlier=earlier,
        say=say,
    )
    say(
        f"mine{suffix_of(number)}: {mined.judged} of {mined.retrieved} retrieved pairs judged, "
        f"{mined.hard_negatives} hard negatives, {mined.hard_positives} hard positives"
    )
    for line in judge.account() if judge else ():
        say(line)
    return mined, {
        "seconds": round(time.monotonic() - began, 1),
        "retrieved": mined.retrieved,
        "judged": mined.judged,
        "hard_negatives": mined.hard_negatives,
        "hard_positives": mined.hard_positives,
        "instances": len(mined.lists),
    }


def suffix_of(number: int) -> str:
    """What a round of mining and its stage 2 are called by, behind their names."""
    return "" if number == 1 else f"-{number}"
