"""A cross-encoder as a judge: trained, saved, loaded, measured, put to work."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from catalog.artefact import read_manifest, write_manifest, writing
from catalog.errors import BundleError, GradusError, JudgmentError, TrainingError
from catalog.model import Grade, Judgment, Product
from catalog.readers import read_judgments, read_products, write_judgments, write_products
from catalog.split import query_hash, split_queries
from training.judges.cli import app

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread_and_no_hub")]

KINDS = ("kettle", "toaster", "hose", "spade", "belt", "jacket", "lamp", "chair")
COLOURS = ("red", "blue", "green", "black", "white")


def goods() -> list[Product]:
    return [Product(f"{kind}-{colour}", f"{colour} {kind}") for kind in KINDS for colour in COLOURS]


def judgments() -> list[Judgment]:
    """Grade 2: kind and colour as asked; 1: the kind alone; 0: another kind."""
    rows = []
    for number, kind in enumerate(KINDS):
        other = KINDS[(number + 3) % len(KINDS)]
        for colour in COLOURS[:3]:
            wrong = COLOURS[(COLOURS.index(colour) + 1) % len(COLOURS)]
            rows += [
                Judgment(f"{colour} {kind}", f"{kind}-{colour}", Grade.EXACT),
                Judgment(f"{colour} {kind}", f"{kind}-{wrong}", Grade.SUBSTITUTE),
                Judgment(f"{colour} {kind}", f"{other}-{colour}", Grade.IRRELEVANT),
            ]
    return rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products, judgments of 24 queries, and an untrained checkpoint that has seen no query."""
    out = tmp_path_factory.mktemp("judge")
    write_products(out / "products.jsonl", goods())
    write_judgments(out / "qrels.tsv", judgments())
    _checkpoint(out / "base", layers=1)
    return out


def _checkpoint(out: Path, *, layers: int, seen: tuple[str, ...] = ()) -> None:
    import torch

    from training.network import fresh_encoder
    from training.recipe import Recipe
    from training.settings import NetworkSettings, TextSettings
    from training.tokenizer import learn_tokenizer

    torch.manual_seed(3)
    recipe = Recipe(
        network=NetworkSettings(layers=layers, width=32, heads=2, vocabulary=200, dim=16),
        text=TextSettings(max_query_tokens=8, max_item_tokens=8),
    )
    tokenizer = learn_tokenizer([product.title for product in goods()] * 3, 200)
    with writing(out, "checkpoint") as directory:
        fresh_encoder(recipe, len(tokenizer), layers).save(directory)
        tokenizer.save_pretrained(directory)
        (directory / "train_queries.json").write_text(json.dumps([query_hash(q) for q in seen]))
        write_manifest(directory, "checkpoint")


def arguments(shop: Path, out: Path, **changes: Any) -> list[str]:
    options = {
        "products": shop / "products.jsonl",
        "qrels": shop / "qrels.tsv",
        "base": shop / "base",
        "out": out,
        "epochs": 4,
        "batch": 8,
        "learning-rate": 3e-3,
        "max-tokens": 24,
        "threads": 1,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.stderr


@pytest.fixture(scope="module")
def trained(shop: Path) -> Path:
    """A judge of the shop, measured on 5 queries. Read only."""
    run("train", *arguments(shop, shop / "trained"))
    return shop / "trained"


def report(judge: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((judge / "report.json").read_text())
    return body


def opened(judge: Path, floor: float | None = None) -> Any:
    from training.judges.cross_encoder import CrossEncoderJudge

    return CrossEncoderJudge.load(judge, goods(), floor)


class TestTraining:
    def test_it_learns(self, shop: Path, tmp_path: Path) -> None:
        """A rule that a handful of steps suffice for: the product's colour is the grade."""
        rule = [
            Judgment(query, f"{kind}-{colour}", Grade(grade))
            for query in dict.fromkeys(one.query for one in judgments())
            for kind in KINDS[:3]
            for grade, colour in enumerate(COLOURS[:3])
        ]
        write_judgments(tmp_path / "rule.tsv", rule)
        run("train", *arguments(shop, tmp_path / "rule", qrels=tmp_path / "rule.tsv", epochs=10))
        assert report(tmp_path / "rule")["judge"]["accuracy"]["value"] > 0.9

    def test_it_is_measured_on_queries_that_it_never_saw(self, trained: Path) -> None:
        queries = [judgment.query for judgment in judgments()]
        rest, held_out = split_queries(queries, 0.2, 7)
        found = report(trained)
        assert len(held_out) == 5
        assert found["judge"]["queries"] == 5
        assert found["judge"]["pairs"] == 15
        assert found["training"]["pairs"] == 3 * len(rest)
        assert set(found["baselines"]) == {"majority", "lexical"}
        seen = set(json.loads((trained / "train_queries.json").read_text()))
        assert seen == {query_hash(query) for query in rest}, "those that measure it stay free"

    def test_the_manifest_says_how_good_it_is(self, trained: Path) -> None:
        manifest = read_manifest(trained, "judge")
        assert manifest.quality["accuracy"] == report(trained)["judge"]["accuracy"]["value"]
        assert manifest.config["training"]["seed"] == 7
        assert {"checkpoint", "products.0", "qrels.0"} <= set(manifest.parents)

    def test_same_seed_same_judge(self, shop: Path, trained: Path, tmp_path: Path) -> None:
        run("train", *arguments(shop, tmp_path / "again"))
        weights = "model.safetensors"
        assert (tmp_path / "again" / weights).read_bytes() == (trained / weights).read_bytes()

    def test_a_backbone_that_saw_the_held_out_queries_is_refused(
        self, shop: Path, tmp_path: Path
    ) -> None:
        _, held_out = split_queries([judgment.query for judgment in judgments()], 0.2, 7)
        _checkpoint(tmp_path / "base", layers=1, seen=tuple(held_out[:2]))
        with pytest.raises(JudgmentError, match="2 of the held-out queries"):
            run("train", *arguments(shop, tmp_path / "out", base=tmp_path / "base"))
        assert not (tmp_path / "out").exists()
        run(
            "train",
            *arguments(shop, tmp_path / "out", base=tmp_path / "base", dev_fraction=0, epochs=0.1),
        )
        assert "judge" not in report(tmp_path / "out")

    def test_a_backbone_that_saw_a_held_out_file_is_refused(
        self, shop: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "test.tsv"
        write_judgments(path, [Judgment("Never Asked", goods()[0].id, Grade(2))])
        _checkpoint(tmp_path / "base", layers=1, seen=("never asked",))
        options = {"base": tmp_path / "base", "held_out": path}
        with pytest.raises(JudgmentError, match="1 of the held-out queries"):
            run("train", *arguments(shop, tmp_path / "out", **options))

    def test_a_bag_cannot_compare(self, shop: Path, tmp_path: Path) -> None:
        _checkpoint(tmp_path / "bag", layers=0)
        with pytest.raises(TrainingError, match="bag of subwords"):
            run("train", *arguments(shop, tmp_path / "out", base=tmp_path / "bag"))

    def test_a_base_that_is_not_there(self, shop: Path, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="cannot be loaded"):
            run("train", *arguments(shop, tmp_path / "out", base=tmp_path / "nothing"))

    def test_any_encoder_will_do(self, shop: Path, tmp_path: Path) -> None:
        """A RoBERTa-like one: no second kind of text, positions that begin after the padding."""
        _roberta(tmp_path / "roberta")
        common = {"base": tmp_path / "roberta", "epochs": 0.2}
        run("train", *arguments(shop, tmp_path / "out", **common))
        assert set(opened(tmp_path / "out").grade([("red kettle", 0)])) <= {0, 1, 2}
        with pytest.raises(TrainingError, match="pair of 60 tokens"):
            run("train", *arguments(shop, tmp_path / "more", **common, max_tokens=60))


def _roberta(out: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    words = ["<s>", "<pad>", "</s>", "<unk>", *KINDS, *COLOURS]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(out)
    config = RobertaConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=1,
    )
    RobertaModel(config).save_pretrained(out)


class TestJudging:
    PAIRS = tuple(
        (query, product) for query in ("red kettle", "blue hose") for product in range(20)
    )

    def test_grades_are_grades(self, trained: Path) -> None:
        judge = opened(trained)
        chances = judge.probabilities(self.PAIRS)
        assert chances.shape == (40, 3)
        assert chances.dtype == np.float32
        np.testing.assert_allclose(chances.sum(1), 1.0, atol=1e-5)
        assert judge.grade(self.PAIRS) == chances.argmax(1).tolist()
        assert judge.grade([]) == []

    def test_below_the_floor_it_does_not_answer(self, trained: Path) -> None:
        best = opened(trained).probabilities(self.PAIRS).max(1)
        floor = float(np.median(best))
        grades = opened(trained, floor).grade(self.PAIRS)
        assert [grade is None for grade in grades] == (best < floor).tolist()
        assert 0 < grades.count(None) < 40

    def test_a_pair_does_not_depend_on_its_neighbours(self, trained: Path) -> None:
        judge = opened(trained)
        together = judge.probabilities([*self.PAIRS, ("a much longer query " * 20, 3)])
        alone = np.concatenate([judge.probabilities([pair]) for pair in self.PAIRS])
        np.testing.assert_allclose(together[:40], alone, atol=1e-5)

    def test_what_is_saved_is_what_is_loaded(self, trained: Path, tmp_path: Path) -> None:
        judge = opened(trained)
        with writing(tmp_path / "copy", "judge") as directory:
            judge.save(directory)
            write_manifest(directory, "judge")
        copy = opened(tmp_path / "copy")
        np.testing.assert_array_equal(
            judge.probabilities(self.PAIRS), copy.probabilities(self.PAIRS)
        )

    def test_a_changed_judge_is_refused(self, trained: Path, tmp_path: Path) -> None:
        shutil.copytree(trained, tmp_path / "judge")
        spec = tmp_path / "judge" / "judge.json"
        spec.write_text(spec.read_text().replace("24", "16"))
        with pytest.raises(BundleError, match="not what was written"):
            opened(tmp_path / "judge")

    def test_room_for_pairs_leaves_single_texts_alone(self, shop: Path) -> None:
        import torch

        from training.judges.cross_network import starting_point
        from training.model import TwinEncoder

        model, tokenizer = starting_point(str(shop / "base"), 24)
        single = tokenizer("red kettle", return_tensors="pt")
        pair = tokenizer("red kettle", "blue hose")
        assert tokenizer.convert_ids_to_tokens(pair["input_ids"]) == [
            *("[CLS]", "red", "kettle", "[SEP]", "blue", "hose")
        ]
        assert pair["token_type_ids"] == [0, 0, 0, 0, 1, 1]
        before = TwinEncoder.load(shop / "base").backbone.eval()
        after: Any = model.eval()
        with torch.inference_mode():
            expected = before(**single).last_hidden_state
            found = after.bert(**single).last_hidden_state
        torch.testing.assert_close(found, expected)
        assert after.config.max_position_embeddings == 24


class TestWork:
    def test_a_report_on_other_queries(self, shop: Path, trained: Path, tmp_path: Path) -> None:
        fresh = [Judgment("white lamp", "lamp-white", Grade.EXACT)]
        fresh += [Judgment("white chair", "lamp-white", Grade.IRRELEVANT)]
        write_judgments(tmp_path / "fresh.tsv", fresh)
        common = [*("--judge", str(trained), "--products", f"{shop}/products.jsonl")]
        said = run(
            *("report", *common, "--qrels", f"{tmp_path}/fresh.tsv"),
            *("--train-qrels", f"{shop}/qrels.tsv", "--out", f"{tmp_path}/report.json"),
        )
        body = json.loads((tmp_path / "report.json").read_text())
        assert body["judge"]["pairs"] == 2
        assert set(body["baselines"]) == {"majority", "lexical"}
        assert "2 pairs of 2 queries" in said
        with pytest.raises(JudgmentError, match="have trained it"):
            run(
                *("report", *common, "--qrels", f"{shop}/qrels.tsv"),
                *("--out", f"{tmp_path}/none.json"),
            )
        assert not (tmp_path / "none.json").exists()

    def test_people_report_by_the_same_protocol(self, shop: Path, tmp_path: Path) -> None:
        """Two sets of judgments of the same pairs: how far do people agree?"""
        ours = [Judgment("White  Lamp", f"lamp-{colour}", Grade(2)) for colour in COLOURS[:3]]
        theirs = [Judgment("white lamp", f"lamp-{COLOURS[n]}", Grade(n)) for n in range(3)]
        theirs += [Judgment("white lamp", "hose-red", Grade(0))]
        paths = {"judge": tmp_path / "ours.csv", "qrels": tmp_path / "theirs.tsv"}
        write_judgments(tmp_path / "ours.tsv", ours)
        paths["judge"].write_text((tmp_path / "ours.tsv").read_text().replace("\t", ","))
        write_judgments(paths["qrels"], theirs)
        common = [*("--products", f"{shop}/products.jsonl", "--out", f"{tmp_path}/report.json")]
        files = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        said = run("report", *common, *files)
        body = json.loads((tmp_path / "report.json").read_text())
        assert body["source"].startswith("judgments:")
        assert body["judge"]["coverage"]["value"] == pytest.approx(3 / 4)
        assert body["judge"]["accuracy"]["value"] == pytest.approx(1 / 3)
        assert body["judge"]["confusion"] == [[0, 0, 1], [0, 0, 1], [0, 0, 1]]
        assert "judge − majority" in said
        for option in ("--floor", "--max-requests"):
            with pytest.raises(TrainingError):
                run("report", *common, *files, option, "1")

    def test_people_label_what_they_have_judged(self, shop: Path, tmp_path: Path) -> None:
        _candidates(tmp_path / "c.tsv", [("Red  Kettle", "kettle-red"), ("hose", "hose-red")])
        judged = [Judgment("red kettle", "kettle-red", Grade(1))]
        write_judgments(tmp_path / "judged.tsv", judged)
        run("label", *labelling(shop, tmp_path / "judged.tsv", tmp_path))
        (one,) = read_judgments(tmp_path / "labels.tsv", strict=True)
        assert (one.query, int(one.grade)) == ("Red  Kettle", 1)

    def test_labels_are_judgments(self, shop: Path, trained: Path, tmp_path: Path) -> None:
        wanted = [("Red Kettle", f"kettle-{colour}") for colour in COLOURS]
        _candidates(tmp_path / "c.tsv", [*wanted, wanted[0], ("hose", "no such product")])
        out = tmp_path / "labels.tsv"
        said = run("label", *labelling(shop, trained, tmp_path))
        found = list(read_judgments(out, strict=True))
        assert [(one.query, one.product_id) for one in found] == wanted
        grades = opened(trained).grade([("red kettle", n) for n in range(5)])
        assert [int(one.grade) for one in found] == grades
        assert found[0].source.startswith("cross-encoder:")
        assert "5 judgments" in said
        assert "unknown product" in said

    def test_another_judge_does_not_go_on_with_a_file(
        self, shop: Path, trained: Path, tmp_path: Path
    ) -> None:
        _candidates(tmp_path / "c.tsv", [("hose", "hose-red")])
        partial = tmp_path / "labels.partial.tsv"
        partial.write_text("query\tproduct_id\tgrade\tsource\nhose\those-red\t1\tllm:x\n")
        with pytest.raises(JudgmentError, match="another judge"):
            run("label", *labelling(shop, trained, tmp_path))
        assert partial.exists()

    def test_a_torn_line_is_graded_again(self, shop: Path, trained: Path, tmp_path: Path) -> None:
        _candidates(tmp_path / "c.tsv", [("hose", "hose-red"), ("hose", "hose-blue")])
        run("label", *labelling(shop, trained, tmp_path))
        out, partial = tmp_path / "labels.tsv", tmp_path / "labels.partial.tsv"
        assert not partial.exists()
        whole = out.read_bytes()
        for cut in (5, whole.index(b"\n") + 1, len(whole) - 20, len(whole) - 1):
            partial.write_bytes(whole[:cut])
            out.unlink()
            run("label", *labelling(shop, trained, tmp_path))
            assert out.read_bytes() == whole

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--floor", "1"], "no pair was graded"),
            (["--max-requests", "5"], "costs no requests"),
            (["--judge", "nowhere"], "no judge here"),
            (["--out", "labels.csv"], "written as TSV"),
        ],
    )
    def test_slips_are_named(
        self, options: list[str], message: str, shop: Path, trained: Path, tmp_path: Path
    ) -> None:
        _candidates(tmp_path / "c.tsv", [("hose", "hose-red")])
        with pytest.raises(GradusError, match=message):
            run("label", *labelling(shop, trained, tmp_path), *options)


def _candidates(path: Path, pairs: list[tuple[str, str]]) -> None:
    lines = "".join(f"{rank}\t{query}\t{product}\n" for rank, (query, product) in enumerate(pairs))
    path.write_text(f"rank\tquery\tproduct_id\n{lines}")


def labelling(shop: Path, judge: Path, out: Path) -> list[str]:
    return [
        *("--judge", str(judge), "--products", f"{shop}/products.jsonl"),
        *("--candidates", f"{out}/c.tsv", "--out", f"{out}/labels.tsv"),
    ]


def test_the_shop_is_read_as_it_was_written(shop: Path) -> None:
    assert [one.title for one in read_products(shop / "products.jsonl")] == [
        product.title for product in goods()
    ]
