from typing import Any

from numpy import float32, int32, int64, integer, uint8
from numpy.typing import NDArray

class Wanted:
    whole: int
    most: int
    def __init__(
        self,
        tokens: list[int],
        weights: NDArray[float32],
        starts: NDArray[int32],
        like: NDArray[int32],
        met: NDArray[uint8],
        whole: float,
    ) -> None: ...
    def sums(self, products: NDArray[integer[Any]]) -> NDArray[int64]: ...
