"""A batch of updates taken in order: what it comes to, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.errors import GradusError
from catalog.model import Product
from index.live.overlay import Overlay
from index.live.updates import Delete, Patch, Put, Update, UpdateStatus, patched, read_alike


class Pending:
    """Updates of one batch taken in order: what is to be put and taken away in the end."""

    def __init__(self, overlay: Overlay) -> None:
        """`overlay` is what stands before the batch."""
        self._overlay = overlay
        self.put: dict[str, Product] = {}
        self._gone: dict[str, None] = {}
        self.same_vector: dict[str, int] = {}
        # Of products changed in part, not put whole: the changes, in order.
        self.patches: dict[str, list[Mapping[str, Any]]] = {}

    @property
    def gone(self) -> list[str]:
        """Ids of products that stood before the batch and do not behind it."""
        return list(self._gone)

    def take(self, update: Update) -> UpdateStatus:
        """What the update comes to; `invalid` changes nothing."""
        before = self._product(update.id)
        if isinstance(update, Delete):
            return self._delete(update.id, before)
        if isinstance(update, Put):
            status = self._put(update.product, before)
            if status.outcome in ("added", "replaced"):
                self.patches.pop(update.id, None)
            return status
        if before is None:
            return UpdateStatus(update.id, "not_found", "there is no such product to change")
        return self._patch(update, before)

    def _product(self, name: str) -> Product | None:
        if name in self.put:
            return self.put[name]
        return None if name in self._gone else self._overlay.product(name)

    def _delete(self, name: str, before: Product | None) -> UpdateStatus:
        if before is None:
            return UpdateStatus(name, "not_found", "there is no such product to delete")
        for kept in (self.put, self.same_vector, self.patches):
            kept.pop(name, None)
        if self._overlay.row(name) is not None:
            self._gone[name] = None
        return UpdateStatus(name, "deleted")

    def _patch(self, update: Patch, before: Product) -> UpdateStatus:
        whole = update.id in self.put and update.id not in self.patches
        try:
            status = self._put(patched(before, update.fields), before)
        except GradusError as error:
            return UpdateStatus(update.id, "invalid", str(error))
        if status.outcome == "replaced" and not whole:
            self.patches.setdefault(update.id, []).append(update.fields)
        return status

    def _put(self, product: Product, before: Product | None) -> UpdateStatus:
        name = product.id
        if not name or not product.title:
            return UpdateStatus(name, "invalid", "a product needs an id and a title")
        if product == before:
            return UpdateStatus(name, "unchanged")
        row = self._overlay.row(name)
        standing = None if row is None else self._overlay.product(name)
        self.same_vector.pop(name, None)
        if row is not None and standing is not None and read_alike(product, standing):
            self.same_vector[name] = row
        self.put[name] = product
        self._gone.pop(name, None)
        return UpdateStatus(name, "added" if before is None else "replaced")
