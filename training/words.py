"""Which words a text holds, as a part of its vector that no training touches.

A bag learns what words mean from the company they keep, so `women` and `men`, or `potassium` and
`magnesium`, end up side by side. The last components of a vector can be kept for the words
themselves: each word has a random row of signs, a text the sum of its words' rows. The inner
product of two such sums is close to the number of words that both hold (Achlioptas 2003; Luan et
al., TACL 2021, have it for retrieval).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from catalog.letters import INNER, MARK
from training.spans import bare

# A word that more products hold than this tells nothing.
_COMMON = 0.2


class WordSketch(nn.Module):
    """Sums of random signs of the whole words in a text, and their share of a vector.

    Words that the vocabulary splits do not count, for a slip of the keys makes such of others; nor
    do punctuation and words that many products hold. Plurals are their singulars. `share`, a scalar
    in [0, 1), is the part of two vectors' inner product that their words decide.
    """

    share: Tensor
    signs: Tensor
    word: Tensor
    inner: Tensor

    def __init__(self, vocabulary: int, dim: int, share: float = 0.0) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("share", torch.tensor(share))
        self.register_buffer("signs", torch.zeros(vocabulary, dim, dtype=torch.int8))
        self.register_buffer("word", torch.zeros(vocabulary, dtype=torch.int64))
        self.register_buffer("inner", torch.zeros(vocabulary, dtype=torch.bool))

    @classmethod
    def of(
        cls,
        tokenizer: PreTrainedTokenizerFast,
        items: Sequence[Sequence[int]],
        *,
        dim: int,
        share: float,
        seed: int,
    ) -> WordSketch:
        """For a WordPiece vocabulary and the token ids of a catalogue's products.

        Equal arguments make equal signs.
        """
        tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        holders = Counter(number for ids in items for number in set(ids))
        sketch = cls(len(tokens), dim, share)
        sketch.inner = torch.tensor([token.startswith(INNER) for token in tokens])
        first: dict[str, int] = {}
        drawn = torch.Generator().manual_seed(seed)
        for number, token in enumerate(tokens):
            if number in tokenizer.all_special_ids or token.startswith((INNER, MARK)):
                continue
            if not token.isalnum() or holders[number] > _COMMON * len(items):
                continue
            kept = first.setdefault(bare(token), number)
            if kept == number:
                signs = torch.randint(2, (dim,), generator=drawn) * 2 - 1
                sketch.signs[number] = signs.to(torch.int8)
            sketch.word[number] = kept
        return sketch

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(n, length) int64 each → (n, dim) float32, rows L2 = 1, or 0 where no word counts.

        A word that stands in a text k times counts √k times.
        """
        inner = self.inner[input_ids]
        goes_on = torch.cat([inner[:, 1:], torch.zeros_like(inner[:, :1])], dim=1)
        whole = attention_mask.bool() & ~inner & ~goes_on
        word = self.word[input_ids] * whole
        alike = ((word.unsqueeze(2) == word.unsqueeze(1)) & whole.unsqueeze(1)).sum(dim=2)
        weight = whole / alike.clamp(min=1).sqrt()
        rows = self.signs[word].float() * weight.unsqueeze(-1)
        return nn.functional.normalize(rows.sum(dim=1), dim=-1)

    def after(self, vectors: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Learned vectors (n, learned), rows L2 = 1, followed by their texts' words; L2 = 1."""
        words = self(input_ids, attention_mask) * self.share.sqrt()
        longer = torch.cat([vectors * (1.0 - self.share).sqrt(), words], dim=1)
        return nn.functional.normalize(longer, dim=-1)
