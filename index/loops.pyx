# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The inner loops of a search, compiled (`loops.h`): what numpy would take several passes for.

Each gives the very floats that the same steps in numpy would, and none of them looks at a row's
neighbours, so a pair has one score in any company.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp cimport bool
from libcpp.vector cimport vector

import numpy as np

cdef extern from "loops.h" namespace "gradus" nogil:
    float dot(const float *, const float *, size_t)
    void fetch(const float *, size_t)
    vector[int64_t] near "gradus::nearest"(const float *, size_t, size_t) except +
    cdef cppclass Placed:
        double score
        int64_t row
    vector[Placed] placed "gradus::best"(
        const int64_t *, const double *, size_t, const int64_t *, size_t
    ) except +
    vector[Placed] ordered "gradus::order"(
        const int64_t *, const double *, const int64_t *, const double *, size_t, double
    ) except +
    void missing "gradus::absent"(
        const int64_t *, size_t, const int64_t *, size_t, uint8_t *
    ) except +
    cdef cppclass TwoCurves "gradus::Curves":
        vector[double] knots
        vector[double] curves[2]
        void at(double, double *)
        double mean(double)
    cdef cppclass Running "gradus::Sums":
        Running(size_t) except +
        bool add(const int32_t *, const float *, size_t, double) except +
        bool lower(const int32_t *, const float *, size_t, double)
        double share(int64_t, double)
        vector[Placed] drain(double, const uint8_t *, const int64_t *, size_t) except +

cdef Py_ssize_t AHEAD = 4  # rows fetched before they are needed


def best(const int64_t[::1] rows, const double[::1] scores, const int64_t[::1] ranks, size_t count):
    """See `index.ranking.best`."""
    cdef Py_ssize_t size = rows.shape[0]
    cdef vector[Placed] found
    if size != scores.shape[0] or not within(rows, ranks.shape[0]):
        raise IndexError("a row has no score or no rank")
    if size:
        with nogil:
            found = placed(&rows[0], &scores[0], size, &ranks[0], count)
    return apart(found)


def order(
    const int64_t[::1] rows,
    const double[::1] scores,
    const int64_t[::1] ranks,
    const double[::1] values,
    double least,
):
    """Places of the `values` that are `least` or more, by score, then by rank of their rows."""
    cdef Py_ssize_t size = rows.shape[0]
    cdef vector[Placed] found
    if not (size == scores.shape[0] == values.shape[0]) or not within(rows, ranks.shape[0]):
        raise IndexError("a row has no score, no value or no rank")
    if size:
        found = ordered(&rows[0], &scores[0], &ranks[0], &values[0], size, least)
    return apart(found)[0]


def absent(const int64_t[::1] rows, const int64_t[::1] among):
    """Which of `rows` are not in `among`, (len(rows),) uint8."""
    found = np.ones(rows.shape[0], np.uint8)
    cdef uint8_t[::1] to = found
    if rows.shape[0] and among.shape[0]:
        missing(&rows[0], rows.shape[0], &among[0], among.shape[0], &to[0])
    return found


def nearest(const float[::1] sums, size_t count):
    """Places of the `count` largest sums, ascending, and of all that equal the last of them."""
    cdef vector[int64_t] places
    cdef size_t place
    if sums.shape[0]:
        with nogil:
            places = near(&sums[0], sums.shape[0], count)
    found = np.empty(places.size(), np.int64)
    cdef int64_t[::1] to = found
    for place in range(places.size()):
        to[place] = places[place]
    return found


def cosines(const float[:, ::1] vectors, const int64_t[::1] rows, const float[::1] query):
    """See `index.dense.pair_scores`: those of `rows` alone, or of all where that is None."""
    cdef Py_ssize_t place, ahead, every = vectors.shape[0], dim = vectors.shape[1]
    cdef Py_ssize_t size = every if rows is None else rows.shape[0]
    cdef double cosine
    scores = np.zeros(size)
    cdef double[::1] to = scores
    if dim != query.shape[0] or not (rows is None or within(rows, every)):
        raise IndexError("a row has no vector, or one of another length than the query")
    if not dim:
        return scores
    with nogil:
        for place in range(size):
            if rows is None:
                cosine = dot(&vectors[place, 0], &query[0], dim)
            else:
                ahead = place + AHEAD
                if ahead < size:
                    fetch(&vectors[rows[ahead], 0], dim)
                cosine = dot(&vectors[rows[place], 0], &query[0], dim)
            to[place] = min(max(cosine, -1.0), 1.0)
    return scores


cdef class Curves:
    """Two rising curves over one score, as `index.calibration.Link` has them."""

    cdef TwoCurves two

    def __init__(self, knots, first, second):
        """`knots` ascending, two or more, and both curves there."""
        self.two.knots, self.two.curves[0], self.two.curves[1] = knots, first, second

    def __reduce__(self):
        return Curves, (self.two.knots, self.two.curves[0], self.two.curves[1])

    def at(self, const double[::1] scores):
        """Both curves at `scores` (n,); (2, n) float64."""
        cdef Py_ssize_t place
        cdef double values[2]
        found = np.empty((2, scores.shape[0]))
        cdef double[:, ::1] to = found
        for place in range(scores.shape[0]):
            self.two.at(scores[place], values)
            to[0, place], to[1, place] = values[0], values[1]
        return found

    def mean(self, const double[::1] scores):
        """The mean of both at `scores` (n,), rounded to six decimals; (n,) float64."""
        cdef Py_ssize_t place
        found = np.empty(scores.shape[0])
        cdef double[::1] to = found
        for place in range(scores.shape[0]):
            to[place] = self.two.mean(scores[place])
        return found


cdef class Sums:
    """The sums of one query over all rows of an index, term by term; `best` sets them back to 0."""

    cdef Running *running
    cdef Py_ssize_t rows

    def __cinit__(self, Py_ssize_t rows):
        """Room for `rows` rows."""
        self.rows = rows
        self.running = new Running(rows)

    def __dealloc__(self):
        del self.running

    def add(self, const int32_t[::1] rows, const float[::1] saturation, double weight):
        """Add `weight` · `saturation` to each of `rows`, none of which stands there twice.

        A weight below 0 takes from the rows that have a sum already; those come last, for a sum
        that is 0 again would count as new.
        """
        cdef Py_ssize_t size = rows.shape[0]
        cdef bool fits = size == saturation.shape[0]
        if size and fits:
            with nogil:
                if weight < 0.0:
                    fits = self.running.lower(&rows[0], &saturation[0], size, weight)
                else:
                    fits = self.running.add(&rows[0], &saturation[0], size, weight)
        if not fits:
            raise IndexError("a posting holds a row that the index has not")

    def shares(self, const int64_t[::1] rows, double total):
        """The sums of `rows` as shares of `total`, at most 1; (len(rows),) float64."""
        cdef Py_ssize_t place
        found = np.empty(rows.shape[0])
        cdef double[::1] to = found
        if not within(rows, self.rows):
            raise IndexError("there is no such row")
        for place in range(rows.shape[0]):
            to[place] = self.running.share(rows[place], total)
        return found

    def best(self, double total, const int64_t[::1] ranks, size_t count, const uint8_t[::1] among):
        """The `count` best rows above 0 and their shares, in order, of those that `among` marks."""
        cdef const uint8_t *marks = NULL
        cdef vector[Placed] found
        if ranks.shape[0] < self.rows or not (among is None or among.shape[0] >= self.rows):
            raise IndexError("ranks or filter are those of a smaller index")
        if self.rows:
            if among is not None:
                marks = &among[0]
            with nogil:
                found = self.running.drain(total, marks, &ranks[0], count)
        return apart(found)


cdef bint within(const int64_t[::1] rows, Py_ssize_t every) noexcept nogil:
    cdef Py_ssize_t place
    cdef bint fits = True
    for place in range(rows.shape[0]):
        fits &= <size_t>rows[place] < <size_t>every
    return fits


cdef tuple apart(const vector[Placed] &found):
    rows, scores = np.empty(found.size(), np.int64), np.empty(found.size())
    cdef int64_t[::1] to_rows = rows
    cdef double[::1] to_scores = scores
    cdef size_t place
    for place in range(found.size()):
        to_rows[place] = found[place].row
        to_scores[place] = found[place].score
    return rows, scores
