"""One page after the other, until nothing is left or the next one would pass the last."""

from __future__ import annotations

from dataclasses import dataclass

from service.client.calls import SearchOptions
from service.client.errors import IndexChanged
from service.client.results import SearchAnswer

# What the service shows at most of one result (`/info`: limits.window).
WINDOW = 1000
PAGE = 50


@dataclass(frozen=True)
class Place:
    """Where the next page begins, and the index version that all pages must be of."""

    options: SearchOptions
    window: int
    version: str = ""

    def after(self, page: SearchAnswer) -> Place | None:
        """The place of the next page; None after the last one. Raises IndexChanged."""
        if self.version and page.index.version != self.version:
            raise IndexChanged(
                "another version of the index took over between two pages",
                expected=self.version,
                found=page.index.version,
                hint="Begin with the first page again.",
            )
        offset = page.page.offset + page.page.limit
        if len(page.hits) < page.page.limit or offset >= self.window:
            return None
        limit = min(page.page.limit, self.window - offset)
        options: SearchOptions = {**self.options, "offset": offset, "limit": limit}
        return Place(options, self.window, page.index.version)


def first(options: SearchOptions, window: int) -> Place:
    """The place of the first page, of 50 hits unless `options` name a `limit`."""
    offset = options.get("offset", 0)
    limit = max(1, min(options.get("limit", PAGE), window - offset))
    return Place({**options, "offset": offset, "limit": limit}, window)
