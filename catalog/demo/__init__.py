"""A made-up shop: products, the queries of its shoppers, and judgments by a written policy.

Enters: the department files beside this package, a seed and sizes. Leaves: products, queries and
judgments that anyone may use, copy and check, since a rule and not an opinion grades each pair.
`catalog.cli` writes them to disk; docs/demo-shop.md describes all of it.
"""

from __future__ import annotations

from catalog.demo.policy import POLICIES, Intent, Policy, grade
from catalog.demo.shop import DemoShop, QueryCounts, generate, write

__all__ = [
    "POLICIES",
    "DemoShop",
    "Intent",
    "Policy",
    "QueryCounts",
    "generate",
    "grade",
    "write",
]
