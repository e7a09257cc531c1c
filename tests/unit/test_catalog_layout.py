"""Layout files: ours all load, and a wrong one says where it is wrong."""

import json
import tomllib
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.layout import _PARTS, _SINGLE, _TABLES, layout_names, load_layout, parse_layout
from catalog.readers import read_products

MINIMAL = '[fields]\nid = "sku"\ntitle = "name"\n'


def test_the_layouts_that_come_along():
    assert layout_names() == ["esci", "gradus", "grocerydb", "retail_demo", "wands"]
    for name in layout_names():
        layout = load_layout(name)
        assert layout.name == name
        assert layout.about
        assert set(layout.id) <= layout.columns


def test_a_shop_declares_its_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'delimiter = ";"\n'
        '[fields]\nid = "sku | ean"\ntitle = "name"\ncategory = ["dept", "kind | type"]\n'
        'description = ["short", "long"]\nprice = "eur"\n'
        '[attributes]\nsize = "size"\n[separators]\ncategory = "/"\n'
        '[values.size]\nL = "large"\n[keep]\nshop = ["de", "at"]\n'
    )
    table = tmp_path / "p.csv"
    table.write_text(
        "sku;ean;name;dept;kind;type;short;long;eur;size;shop\n"
        ";9;Mug, blue;Home/Kitchen;;mugs;s;l;2;L;at\n"
        "8;9;Mug;;;;;;;;ch\n"
    )
    (mug,) = read_products(table, path, strict=True)
    assert (mug.id, mug.title, mug.price) == ("9", "Mug, blue", 2.0)
    assert mug.category == ("Home", "Kitchen", "mugs")
    assert mug.attributes == {"size": "large"}
    assert mug.description == "s\nl"


def test_keep_passes_records_without_the_column(tmp_path):
    layout = parse_layout(MINIMAL + '[keep]\nlocale = "us"\n', "mine")
    path = tmp_path / "p.jsonl"
    rows = [{"sku": "1", "name": "a"}, {"sku": "2", "name": "b", "locale": "us"}]
    rows += [{"sku": "3", "name": "c", "locale": "jp"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [product.id for product in read_products(path, layout)] == ["1", "2"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("id = ", "not TOML"),
        ('[fields]\ntitle = "name"\n', "names no column for `id`"),
        ("", "names no column for `id`"),
        (MINIMAL + 'prize = "x"\n', r"\[fields\] does not know `prize`"),
        ("[field]\n", "the layout does not know `field`"),
        (MINIMAL + 'brand = ["a", "b"]\n', "a text is expected"),
        (MINIMAL + 'brand = ""\n', "a text is expected"),
        (MINIMAL + 'brand = "a |  | b"\n', "a column name is empty"),
        ('fields = "id"\n', "`fields` must be a table"),
        ('delimiter = "::"\n' + MINIMAL, "one character"),
        ("delimiter = 1\n" + MINIMAL, "one character"),
        (MINIMAL + '[separators]\nname = ""\n', "a text is expected"),
        (MINIMAL + '[separators]\nlevel = "/"\n', "does not know `level`"),
        (MINIMAL + '[values]\nsize = "L"\n', "tables of words"),
        (MINIMAL + "[keep]\nlocale = [1]\n", "a text is expected"),
    ],
)
def test_a_wrong_layout_says_where(source, says):
    with pytest.raises(CatalogError, match=says) as caught:
        parse_layout(source, "mine.toml")
    assert caught.value.where == "mine.toml"


def test_an_unknown_name_lists_the_known(tmp_path):
    for name in ("amazon", tmp_path / "none.toml", tmp_path):
        with pytest.raises(CatalogError, match="esci, gradus, grocerydb"):
            load_layout(name)


def test_a_layout_that_is_no_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogError, match="cannot be read"):
        load_layout(path)


def test_the_documented_layout_parses_and_has_every_field():
    page = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text()
    source = page.partition("```toml\n")[2].partition("```")[0]
    layout = parse_layout(source, "docs/layouts.md")
    assert layout.id == ("product_id", "id")
    assert layout.category == (("department",), ("type",))
    assert set(tomllib.loads(source)["fields"]) == {*_SINGLE, *_PARTS}
    assert set(tomllib.loads(source)) == {*_TABLES, "about", "delimiter"}
