"""Product files of every layout and every way in which they go wrong."""

import csv
import gzip
import json
from dataclasses import replace

import pytest

from catalog.errors import CatalogError
from catalog.files import MAX_LINE
from catalog.model import Product
from catalog.readers import Issues, load_layout, read_products, write_products


def read(path, layout=None, **options):
    issues = Issues()
    return list(read_products(path, layout, issues=issues, **options)), issues


def lines(path, *records):
    text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records)
    path.write_text(text + "\n", encoding="utf-8")
    return path


MUG = {"id": "1", "title": "Mug"}
CUP = {"id": "2", "title": "Cup"}


def test_own_layout_reads_what_it_writes(tmp_path):
    full = Product(
        id="a\tb",
        title='Mug "Ö" 🍵',
        brand="Kiln",
        category=("Kitchen", "Mugs > tall"),
        attributes={"colour": "blue: deep | dark"},
        description="line\nline",
        price=4.5,
        stock=0,
        popularity=0.0,
        values={"rating": 4.5, "organic": True, "added": "2026-01-31", "tags": ["a", "b"]},
    )
    path = tmp_path / "p.jsonl"
    assert write_products(path, [full, Product("2", "Cup")]) == 2
    products, issues = read(path, strict=True)
    assert products == [full, Product("2", "Cup")]
    assert issues.summary() == "2 read, 0 skipped"


def test_published_esci_parquet_keeps_the_us_locale(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = ["id", "title", "description", "bullet_point", "brand", "color", "locale"]
    rows = [
        ["B1", "Lamp", "<b>good</b>", "one\ntwo", "Lux", "Red", "us"],
        ["B1", "Lámpara", None, None, None, None, "es"],
        ["B2", "Shade", None, None, None, None, "us"],
    ]
    table = pyarrow.table(
        {f"product_{name}": [row[i] for row in rows] for i, name in enumerate(columns)}
        | {"unused": [{"deep": 1}] * 3}
    )
    parquet.write_table(table, tmp_path / "products.parquet")
    products, issues = read(tmp_path / "products.parquet", "esci")
    assert products == [
        Product(
            "B1",
            "Lamp",
            brand="Lux",
            attributes={"color": "Red"},
            description="one\ntwo\n<b>good</b>",
        ),
        Product("B2", "Shade"),
    ]
    assert issues.left_out == 1
    assert issues.total == 0


def test_published_wands_table(tmp_path):
    header = [
        "product_id",
        "product_name",
        "product_class",
        "category hierarchy",
        "product_description",
        "product_features",
        "rating_count",
        "average_rating",
        "review_count",
    ]
    features = "overallwidth : 64.7|color : white|color:grey|color : white|odd|:x|empty :"
    path = tmp_path / "product.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(header)
        bed = ["0", "solid wood bed", "Beds", "Furniture / Beds / Twin Beds"]
        writer.writerow([*bed, 'so "good"', features, "15.0", "4.5", "15.0"])
        writer.writerow(["1", "plain", "", "", "", "", "", "", ""])
    products, issues = read(path, "wands", strict=True)
    assert products[0] == Product(
        "0",
        "solid wood bed",
        category=("Furniture", "Beds", "Twin Beds"),
        attributes={"class": "Beds", "overallwidth": "64.7", "color": "white, grey"},
        description='so "good"',
        popularity=15.0,
        values={"rating": 4.5},
    )
    assert products[1] == Product("1", "plain")
    assert issues.kept == 2


@pytest.mark.parametrize(
    "text",
    [
        "product_id\tname\tbrand\tstore\tcategory\n"
        'wf_1\t"9"" Pie Dough, 16 oz"\tWholly\tWholeFoods\tbaking\n',
        ",original_ID,name,store,harmonized single category,brand,price,f_FPro\n"
        '0,wf_1,"9"" Pie Dough, 16 oz",WholeFoods,baking,Wholly,,0.9\n',
    ],
)
def test_both_forms_of_grocerydb(tmp_path, text):
    path = tmp_path / "grocery.csv"
    path.write_text(text)
    products, _ = read(path, "grocerydb", strict=True)
    assert products == [
        Product(
            "wf_1",
            '9" Pie Dough, 16 oz',
            brand="Wholly",
            category=("baking",),
            attributes={"store": "WholeFoods"},
        )
    ]


def test_retail_demo_layout(tmp_path):
    record = {
        "id": "u",
        "name": "Bag",
        "category": "accessories",
        "style": "backpack",
        "description": "d",
        "price": 9.99,
        "current_stock": 15,
        "gender_affinity": "F",
    }
    products, _ = read(lines(tmp_path / "p.jsonl", record), "retail_demo", strict=True)
    assert products == [
        Product(
            "u",
            "Bag",
            category=("accessories", "backpack"),
            attributes={"gender": "women"},
            description="d",
            price=9.99,
            stock=15,
        )
    ]


def test_own_layout_as_csv(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(
        "id;title;category;attributes;price\n7;Mug;Home > Kitchen;size: L | colour: red;3.50\n"
    )
    products, _ = read(path, strict=True)
    expected = Product("7", "Mug", category=("Home", "Kitchen"), price=3.5)
    assert products == [replace(expected, attributes={"size": "L", "colour": "red"})]


BROKEN = [
    ("broken line", '{"id": "3", "title": '),
    ("broken line", '["3", "Plate"]'),
    ("broken line", '"Plate"'),
    ("broken line", "null"),
    ("broken line", '{"id": "3", "title": {"en": "Plate"}}'),
    ("broken line", '{"id": "3", "title": "Plate", "attributes": [1]}'),
    ("broken line", '{"id": "3", "title": "\\ud800"}'),
    ("broken line", '{"id": "3", "title": "NaN \\ud800", "price": NaN}'),
    ("broken line", '{"id": "3", "title": ' + "[" * 2000 + "]" * 2000 + "}"),
    ("broken line", '{"id": "3", "title": "Pl\0ate"}'),
    ("empty id", '{"id": " ", "title": "Plate"}'),
    ("empty id", '{"title": "Plate"}'),
    ("empty title", '{"id": "3", "title": "  "}'),
    ("empty title", '{"id": "3"}'),
    ("duplicate id", '{"id": 1, "title": "Plate"}'),
]


@pytest.mark.parametrize(("kind", "line"), BROKEN)
def test_a_bad_line_is_skipped_and_counted(tmp_path, kind, line):
    path = lines(tmp_path / "p.jsonl", MUG, "", line, CUP)
    products, issues = read(path)
    assert [product.id for product in products] == ["1", "2"]
    assert dict(issues.counts) == {kind: 1}
    assert issues.skipped == 1
    assert issues.examples[kind][0].where == f"{path}:3"
    assert f"{kind}: 1, first {path}:3: " in issues.summary()


@pytest.mark.parametrize(("kind", "line"), BROKEN)
def test_a_bad_line_is_fatal_when_strict(tmp_path, kind, line):
    path = lines(tmp_path / "p.jsonl", MUG, "", line, CUP)
    with pytest.raises(CatalogError) as caught:
        read(path, strict=True)
    assert caught.value.where == f"{path}:3"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("price", "NaN"),
        ("price", "-1"),
        ("price", '"cheap"'),
        ("price", "-Infinity"),
        ("price", '"1e999"'),
        ("price", "true"),
        ("price", "[1]"),
        ("stock", "1.5"),
        ("stock", "-3"),
        ("popularity", '"nan"'),
    ],
)
def test_a_bad_figure_is_left_out_and_counted(tmp_path, field, text):
    path = lines(tmp_path / "p.jsonl", f'{{"id": "1", "title": "Mug", "{field}": {text}}}')
    products, issues = read(path)
    assert products == [Product("1", "Mug")]
    assert dict(issues.counts) == {f"bad {field}": 1}
    assert issues.skipped == 0
    with pytest.raises(CatalogError, match=f"{field}: "):
        read(path, strict=True)


def test_numbers_may_be_texts_and_texts_numbers(tmp_path):
    record = {"id": 7, "title": 1984, "price": " 4.99 ", "stock": "3", "brand": None}
    record["attributes"] = {"sizes": ["S", "M"], "organic": True, "weight": 2.0, "none": None}
    products, _ = read(lines(tmp_path / "p.jsonl", record), strict=True)
    attributes = {"sizes": "S, M", "organic": "yes", "weight": "2"}
    assert products == [Product("7", "1984", attributes=attributes, price=4.99, stock=3)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("packed", [False, True])
def test_bom_crlf_and_gzip(tmp_path, encoding, packed):
    for name, text in (
        ("p.csv", "id,title\r\n1,Mug\r\n\r\n2,Cup\r\n"),
        ("p.jsonl", '{"id": "1", "title": "Mug"}\r\n\r\n{"id": "2", "title": "Cup"}'),
    ):
        body = text.encode(encoding)
        path = tmp_path / (name + ".gz" if packed else name)
        path.write_bytes(gzip.compress(body) if packed else body)
        products, issues = read(path, strict=True)
        assert products == [Product("1", "Mug"), Product("2", "Cup")]
        assert issues.kept == 2


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"3,Pl\0ate", "NUL"),
        (b"3,Pl\xffate", "not UTF-8: byte 0xff at position 4"),
        (b"3", "1 fields where the header names 2"),
        (b"3,Plate,blue", "3 fields where the header names 2"),
        (b'3,"Plate" blue', "not CSV"),
        (b"3," + b"x" * 200_000, "field larger than field limit"),
        (b"3," + b"x" * (MAX_LINE + 5), "longer than"),
    ],
)
def test_a_bad_row_is_skipped_with_its_line(tmp_path, bad, says):
    path = tmp_path / "p.csv"
    path.write_bytes(b'id,title\n1,"Mug\nand saucer"\n' + bad + b"\n2,Cup\n")
    products, issues = read(path)
    assert products == [Product("1", "Mug\nand saucer"), Product("2", "Cup")]
    issue = issues.examples["broken line"][0]
    assert issue.where == f"{path}:4"
    assert says in issue.what
    assert issues.total == 1


def test_bad_bytes_inside_a_quoted_field_take_the_whole_record(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(b'id,title\n3,"Pl\nat\xff\ne"\n2,Cup\n')
    products, issues = read(path)
    assert products == [Product("2", "Cup")]
    assert issues.examples["broken line"][0].where == f"{path}:2"


def test_a_quote_never_closed_says_which_lines_are_lost(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('id,title\n1,Mug\n2,"Cup\n3,Plate\n')
    products, issues = read(path)
    assert products == [Product("1", "Mug")]
    assert "lines 3 to 4 are lost" in issues.examples["broken line"][0].what


def test_a_giant_json_line_is_skipped(tmp_path):
    path = lines(tmp_path / "p.jsonl", MUG, {**CUP, "description": "x" * MAX_LINE}, CUP)
    products, issues = read(path)
    assert [product.id for product in products] == ["1", "2"]
    assert "longer than" in issues.examples["broken line"][0].what


def refuse(path, says, layout=None):
    with pytest.raises(CatalogError, match=says) as caught:
        read(path, layout)
    assert str(path) in caught.value.where


def test_files_that_cannot_be_used(tmp_path):
    refuse(tmp_path / "none.jsonl", "no such file")
    refuse(tmp_path, "directory")
    for name in ("empty.jsonl", "empty.csv", "empty.parquet"):
        (tmp_path / name).touch()
        refuse(tmp_path / name, "empty")
    (tmp_path / "blank.csv").write_text("\n \n")
    refuse(tmp_path / "blank.csv", "blank lines only")
    (tmp_path / "blank.jsonl").write_text("\n\n")
    refuse(tmp_path / "blank.jsonl", "gave no product")
    (tmp_path / "p.xlsx").write_bytes(b"PK")
    refuse(tmp_path / "p.xlsx", "suffix")
    (tmp_path / "utf16.csv").write_text("id,title\n1,Mug\n", encoding="utf-16")
    refuse(tmp_path / "utf16.csv", "UTF-16")
    body = gzip.compress(b'{"id": "1", "title": "Mug"}\n' * 9000)
    (tmp_path / "cut.jsonl.gz").write_bytes(body[: len(body) // 2])
    refuse(tmp_path / "cut.jsonl.gz", "cannot be read further")
    (tmp_path / "noise.jsonl.gz").write_bytes(b"\x1f\x8b" + b"noise" * 9)
    refuse(tmp_path / "noise.jsonl.gz", "cannot be read further")


def test_a_missing_path_is_told_before_the_first_product_is_asked_for(tmp_path):
    with pytest.raises(CatalogError, match="no such file"):
        read_products(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    "text", ['[\n{"id": "1"}\n]', '[{"id": "1", "title": "Mug"}]', '{\n"id": "1"\n}']
)
def test_one_json_document_is_refused_once(tmp_path, text):
    refuse(lines(tmp_path / "p.json", text), "one JSON document")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "product_id,name\n1,Mug\n",
            "needed column is missing: id .found columns product_id, name",
        ),
        ("id,title,title\n1,Mug,Mug\n", "names column 'title' twice"),
        ('id,"title\n1,Mug\n', "header line"),
        ("id,ti\0tle\n1,Mug\n", "header line cannot be read: the line holds NUL"),
    ],
)
def test_a_header_that_does_not_serve(tmp_path, text, says):
    path = tmp_path / "p.csv"
    path.write_text(text)
    refuse(path, says)


def test_the_wrong_layout_gives_one_error_instead_of_nothing(tmp_path):
    path = lines(tmp_path / "p.jsonl", {"product_id": "1", "name": "Mug"})
    refuse(path, "gave no product .*1 skipped.*first .*no product id.*--layout")


def test_parquet_that_does_not_serve(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "noise.parquet").write_bytes(b"PAR1 noise PAR1")
    refuse(tmp_path / "noise.parquet", "Parquet file cannot be read")
    parquet.write_table(pyarrow.table({"id": ["1"]}), tmp_path / "p.parquet")
    refuse(tmp_path / "p.parquet", "needed column is missing: title")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    refuse(tmp_path / "p.parquet", r"needs pyarrow.*\[parquet\]")


def test_parquet_types(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from decimal import Decimal

    from pyarrow import parquet

    table = pyarrow.table(
        {
            "id": [5, 6],
            "title": ["Mug", "Cup"],
            "category": [["Home", "Mugs"], None],
            "price": [Decimal("4.50"), None],
            "stock": [2.0, float("nan")],
            "attributes": pyarrow.array(
                [[("size", "L")], None], pyarrow.map_(pyarrow.string(), pyarrow.string())
            ),
        }
    )
    parquet.write_table(table, tmp_path / "p.parquet")
    products, issues = read(tmp_path / "p.parquet")
    assert products == [
        Product(
            "5", "Mug", category=("Home", "Mugs"), attributes={"size": "L"}, price=4.5, stock=2
        ),
        Product("6", "Cup"),
    ]
    assert issues.examples["bad stock"][0].where == f"{tmp_path / 'p.parquet'}:2"


def test_issues_of_several_files_add_up_and_keep_three_examples(tmp_path):
    issues = Issues()
    for name in ("a.jsonl", "b.jsonl"):
        path = lines(tmp_path / name, MUG, "x", "x", "x")
        assert len(list(read_products(path, load_layout("gradus"), issues=issues))) == 1
    assert (issues.kept, issues.skipped, issues.total) == (2, 6, 6)
    assert len(issues.examples["broken line"]) == 3


def test_reading_streams(tmp_path):
    path = lines(tmp_path / "p.jsonl", MUG, CUP, "x")
    products = read_products(path, strict=True)
    assert next(products).id == "1"
    products.close()
