"""The one place to import readers and writers of products, judgments and queries from."""

from __future__ import annotations

from catalog.issues import Issue, Issues
from catalog.judgments import read_judgments, write_judgments
from catalog.layout import Layout, load_layout
from catalog.products import product_record, read_products, write_products
from catalog.queries import read_queries

__all__ = [
    "Issue",
    "Issues",
    "Layout",
    "load_layout",
    "product_record",
    "read_judgments",
    "read_products",
    "read_queries",
    "write_judgments",
    "write_products",
]
