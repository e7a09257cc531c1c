"""Label noise changes as many labels as asked, and the log is the same in every process."""

import hashlib
import os
import subprocess
import sys
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from catalog.demo import QueryCounts, generate
from catalog.demo.engagement_log import write_logs
from catalog.demo.label_noise import with_label_noise
from catalog.model import Grade, Judgment

judgments = st.lists(
    st.builds(Judgment, st.just("pan"), st.text(min_size=1), st.sampled_from(Grade)), max_size=40
)


@given(judgments, st.floats(0, 1), st.integers(0, 2**32))
def test_noise_changes_grades_and_nothing_else(true, share, seed):
    noisy = with_label_noise(true, share, Random(seed))
    assert noisy == with_label_noise(true, share, Random(seed))
    assert [(j.query, j.product_id, j.source) for j in noisy] == [
        (j.query, j.product_id, j.source) for j in true
    ]
    changed = sum(a.grade != b.grade for a, b in zip(noisy, true, strict=True))
    assert changed == round(share * len(true))


def test_equal_bytes_in_every_process(tmp_path):
    shop = generate(5, 200, counts=QueryCounts(25, 10, 10))
    code = (
        "import sys; from pathlib import Path; from catalog.demo import *;"
        "from catalog.demo.engagement_log import write_logs;"
        "write_logs(generate(5, 200, counts=QueryCounts(25, 10, 10)), Path(sys.argv[1]), 200, 5)"
    )
    for name in ("here", "1", "2"):
        (tmp_path / name).mkdir()
    write_logs(shop, tmp_path / "here", 200, 5)
    for salt in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / salt)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": salt})
        assert digests(tmp_path / salt) == digests(tmp_path / "here")


def digests(directory):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in directory.iterdir()}
