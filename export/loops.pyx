# distutils: language = c++
# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Late interaction's inner loop, compiled (`export.likeness` says what it means)."""

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libcpp.vector cimport vector

import numpy as np

ctypedef fused subword:
    uint16_t
    int32_t


cdef class Wanted:
    """Which subwords of products meet which of a query's, and by how much.

    One bit for each subword says whether it meets any: all that most subwords cost. Entry k says
    that subword `subwords[k]` meets the query's number `owners[k]` by `met[k]`, and `before[k]` is
    an entry to look at next; `first` has an entry to begin with for the last bits of a subword.
    """

    cdef vector[uint64_t] bits
    cdef vector[int32_t] first, subwords, owners, before
    cdef vector[uint8_t] met
    cdef vector[int64_t] weights
    cdef int32_t mask
    cdef readonly int64_t whole  # weight of all the query's subwords
    cdef readonly int64_t most  # no product's sum exceeds it

    def __init__(
        self,
        list tokens,
        const float[::1] weights,
        const int32_t[::1] starts,
        const int32_t[::1] like,
        const uint8_t[::1] met,
        double whole,
    ):
        """The query's `tokens`; their weights together become about `whole`, in whole numbers."""
        cdef Py_ssize_t token, place, size = weights.shape[0]
        cdef int64_t entries = 0, weight
        cdef double total = 0.0
        for token in tokens:
            if not 0 <= token < size:
                raise IndexError(f"there is no subword {token}")
            total += weights[token]
            entries += starts[token + 1] - starts[token]
        self.mask = 255
        while self.mask < entries:
            self.mask = 2 * self.mask + 1
        self.first.resize(self.mask + 1, -1)
        self.bits.resize(size // 64 + 1)
        for token in tokens:
            weight = <int64_t>rint(weights[token] * (whole / total)) if total > 0.0 else 0
            self.whole += weight
            if not weight or starts[token] >= starts[token + 1]:
                continue
            self.most += weight * met[starts[token]]
            for place in range(starts[token], starts[token + 1]):
                self.enter(like[place], met[place])
            self.weights.push_back(weight)

    cdef void enter(self, int32_t like, uint8_t met) noexcept nogil:
        cdef int32_t *first = &self.first[like & self.mask]
        self.bits[like >> 6] |= <uint64_t>1 << (like & 63)
        self.before.push_back(first[0])
        first[0] = <int32_t>self.subwords.size()
        self.subwords.push_back(like)
        self.owners.push_back(<int32_t>self.weights.size())
        self.met.push_back(met)

    def sums(self, products):
        """Σ weight · how well it is met for each of `products`, (n, length); (n,) int64."""
        found = np.zeros(len(products), np.int64)
        cdef const uint16_t[:, ::1] short_ones
        cdef const int32_t[:, ::1] long_ones
        cdef int64_t[::1] to = found
        products = np.ascontiguousarray(products)
        if not products.size:
            return found
        if products.dtype == np.uint16:
            short_ones = products
            with nogil:
                self.fill(to, &short_ones[0, 0], short_ones.shape[1])
        else:
            long_ones = products
            with nogil:
                self.fill(to, &long_ones[0, 0], long_ones.shape[1])
        return found

    cdef void fill(self, int64_t[::1] to, const subword *held, Py_ssize_t length) noexcept nogil:
        cdef vector[uint8_t] most
        cdef Py_ssize_t row, place
        cdef size_t number, last = 64 * self.bits.size()
        cdef int64_t total
        most.resize(self.weights.size())
        for row in range(to.shape[0]):
            total = 0
            for place in range(length):
                # What fills up the rows of products is no subword, and has no bit.
                if <size_t>held[place] < last and self.bits[held[place] >> 6] >> (held[place] & 63) & 1:
                    total += self.better(<int32_t>held[place], most)
            for number in range(most.size()):
                most[number] = 0
            to[row] = total
            held += length

    cdef int64_t better(self, int32_t held, vector[uint8_t] &most) noexcept nogil:
        """By how much `held` adds to what the subwords before it met; `most` learns it."""
        cdef int64_t added = 0
        cdef int32_t number, entry = self.first[held & self.mask]
        while entry >= 0:
            number = self.owners[entry]
            if self.subwords[entry] == held and self.met[entry] > most[number]:
                added += self.weights[number] * (self.met[entry] - most[number])
                most[number] = self.met[entry]
            entry = self.before[entry]
        return added
