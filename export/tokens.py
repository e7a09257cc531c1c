"""Texts to token ids: truncated, never padded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from catalog.errors import BundleError
from catalog.letters import LetterRuns


class TokenReader:
    """A `tokenizer.json`, framed by its special tokens and cut on the right to a given length.

    Truncation is done here instead of with the tokenizer's own switch, which is state: queries and
    items are cut at different lengths, from several threads, by one tokenizer.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises BundleError when it cannot be understood."""
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise BundleError(
                f"the tokenizer cannot be read: {error}",
                where=path,
                hint="The file is damaged or from a newer tokenizers; export the encoder again.",
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._before, self._after = _frame(self._tokenizer)
        self._letters = LetterRuns.of(self._tokenizer.get_vocab())

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    @property
    def special(self) -> list[int]:
        """Ids of the tokens that stand for no text."""
        added = self._tokenizer.get_added_tokens_decoder()
        return sorted(number for number, token in added.items() if token.special)

    def ids(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Token ids of each text, at most `limit` of them, special tokens included."""
        room = max(limit - len(self._before) - len(self._after), 0)
        # The fast way does not say which tokens make up a word.
        tokenizer, plain = self._tokenizer, self._letters is None
        encode = tokenizer.encode_batch_fast if plain else tokenizer.encode_batch
        encodings = encode(list(texts), add_special_tokens=False)
        return [[*self._before, *self._inside(one)[:room], *self._after] for one in encodings]

    def _inside(self, encoding: Encoding) -> list[int]:
        ids: list[int] = encoding.ids
        if self._letters is None:
            return ids
        return [*ids, *self._letters.ids(encoding.tokens, encoding.word_ids)]


def _frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer sets before and after a text."""
    example = tokenizer.encode("a", add_special_tokens=True)
    special = example.special_tokens_mask
    start = special.index(0) if 0 in special else len(special)
    stop = len(special) - special[::-1].index(0) if 0 in special else len(special)
    return example.ids[:start], example.ids[stop:]
