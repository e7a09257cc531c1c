"""The subwords of products on disk and in several parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog.errors import BundleError
from index.late import SubwordTable, joined_subwords


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_tables_of_either_kind_are_stored_and_joined(tmp_path: Path, kind: type):
    numbers = np.array([[70_000 if kind is np.int32 else 7, 8], [9, 40]], kind)
    SubwordTable(numbers).save(tmp_path)
    table = SubwordTable.load(tmp_path)
    assert table is not None
    joined = joined_subwords([table, SubwordTable(numbers[::-1].copy())])
    assert joined is not None
    assert joined.take(np.array([3, 0])).tolist() == [numbers[0].tolist()] * 2
    assert joined.dtype == kind
    with pytest.raises(BundleError, match="different forms"):
        joined_subwords([table, SubwordTable(numbers.astype(np.int64))])
