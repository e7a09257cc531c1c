// Inner loops of a search, compiled by `index/loops.pyx`, which says what they are for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace gradus {

// Sixteen running sums on every processor: the order of additions is part of a score.
inline float dot(const float *one, const float *other, size_t length) {
    float sums[16] = {0.0f};
    size_t place = 0;
    for (; place + 16 <= length; place += 16)
        for (int lane = 0; lane < 16; lane++) sums[lane] += one[place + lane] * other[place + lane];
    for (int lane = 0; place < length; place++, lane++) sums[lane] += one[place] * other[place];
    for (int half = 8; half; half /= 2)
        for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
    return sums[0];
}

inline void fetch(const float *row, size_t length) {
#ifdef __GNUC__
    for (size_t place = 0; place < length; place += 16) __builtin_prefetch(row + place);
#endif
}

// Places of the values that are `least` or more, ascending. Blocks without any, which are most, cost
// one comparison for all; in the others which ones are cannot be foreseen, so nothing branches there.
template <class Value>
inline std::vector<int64_t> places_from(const Value *values, size_t size, Value least) {
    constexpr size_t BLOCK = 16;
    std::vector<int64_t> places(16 * BLOCK);
    size_t held = 0, place = 0;
    const auto look = [&](size_t end) {
        if (held + BLOCK > places.size()) places.resize(2 * places.size());
        for (; place < end; place++) {
            places[held] = place;
            held += values[place] >= least;
        }
    };
    while (place + BLOCK <= size) {
        int any = 0;
        for (size_t lane = 0; lane < BLOCK; lane++) any |= values[place + lane] >= least;
        if (any) look(place + BLOCK);
        else place += BLOCK;
    }
    look(size);
    places.resize(held);
    return places;
}

// The `count`-th largest of more values than that, which are put in another order.
template <class Value>
inline Value limit_of(std::vector<Value> &values, size_t count) {
    std::nth_element(
        values.begin(), values.begin() + count - 1, values.end(), std::greater<Value>());
    return values[count - 1];
}

// Places of the `count` largest values, ascending, and of all that equal the last of them; NaN is no
// value. One in 32 says where to look; with half as many again and twelve to spare, what the sample
// proposes holds the wanted number but for one search in thousands, which then looks at all.
template <class Value>
inline std::vector<int64_t> nearest(const Value *values, size_t size, size_t count) {
    constexpr size_t SAMPLED = 32, SPARE = 12;
    constexpr Value LEAST = -std::numeric_limits<Value>::infinity();
    if (!count) return {};
    std::vector<Value> likely;
    Value from = LEAST;
    const size_t place = count / SAMPLED * 3 / 2 + SPARE;
    if (place < size / SAMPLED) {
        for (size_t at = 0; at < size; at += SAMPLED)
            if (values[at] >= LEAST) likely.push_back(values[at]);
        if (place < likely.size()) from = limit_of(likely, place);
    }
    auto places = places_from(values, size, from);
    if (places.size() < count && from > LEAST) places = places_from(values, size, LEAST);
    if (places.size() <= count) return places;
    likely.clear();
    for (const int64_t at : places) likely.push_back(values[at]);
    const Value limit = limit_of(likely, count);
    places.erase(
        std::remove_if(
            places.begin(), places.end(), [&](int64_t at) { return values[at] < limit; }),
        places.end());
    return places;
}

struct Placed {
    double score;
    int64_t rank, row;
    bool operator<(const Placed &other) const {  // comes before it
        return score > other.score || (score == other.score && rank < other.rank);
    }
};

// The `count` first of rows with scores, in order. `ranks` has a rank for every row.
template <class Row>
inline std::vector<Placed> best(
    const Row *rows, const double *scores, size_t size, const int64_t *ranks, size_t count) {
    std::vector<Placed> placed;
    // All that tie with the last one compete for its place by rank.
    for (const int64_t place : nearest(scores, size, count))
        placed.push_back({scores[place], ranks[rows[place]], rows[place]});
    std::sort(placed.begin(), placed.end());
    if (placed.size() > count) placed.resize(count);
    return placed;
}

// For each of `rows` whether it is not `among` those, by a hash table that is at most a quarter full.
inline void absent(
    const int64_t *rows, size_t size, const int64_t *among, size_t others, uint8_t *found) {
    constexpr int64_t NONE = std::numeric_limits<int64_t>::min();  // no row
    size_t bits = 4;
    while (size_t{1} << bits < 4 * others) bits++;
    std::vector<int64_t> known(size_t{1} << bits, NONE);
    const auto place_of = [&](int64_t row) {
        // Times 2^64 over the golden ratio, numbers in a row lie far apart (Knuth).
        size_t place = static_cast<uint64_t>(row) * 0x9E3779B97F4A7C15u >> (64 - bits);
        while (known[place] != row && known[place] != NONE) place = (place + 1) & (known.size() - 1);
        return place;
    };
    for (size_t place = 0; place < others; place++) known[place_of(among[place])] = among[place];
    for (size_t place = 0; place < size; place++) found[place] = known[place_of(rows[place])] == NONE;
}

// Two rising curves, straight between the knots (two or more) and flat beyond them. These few
// operations give a score the same value in any company, and never fall.
struct Curves {
    std::vector<double> knots, curves[2];

    void at(double score, double *values) const {
        const auto inner = std::upper_bound(knots.begin() + 1, knots.end() - 1, score);
        const size_t left = inner - knots.begin() - 1;
        const double inside = std::min(std::max(score, knots.front()), knots.back());
        const double share = (inside - knots[left]) / (knots[left + 1] - knots[left]);
        for (int number = 0; number < 2; number++) {
            const double lower = curves[number][left], upper = curves[number][left + 1];
            values[number] = std::min((upper - lower) * share + lower, upper);
        }
    }
    // Half of each, rounded to six decimals as numpy rounds.
    double mean(double score) const {
        double values[2];
        at(score, values);
        return std::nearbyint((0.5 * values[0] + 0.5 * values[1]) * 1e6) / 1e6;
    }
};

// Places of all values that are `least` or more, by score and rank of their rows.
inline std::vector<Placed> order(
    const int64_t *rows, const double *scores, const int64_t *ranks, const double *values,
    size_t size, double least) {
    std::vector<Placed> placed;
    for (size_t place = 0; place < size; place++)
        if (values[place] >= least)
            placed.push_back({scores[place], ranks[rows[place]], static_cast<int64_t>(place)});
    std::sort(placed.begin(), placed.end());
    return placed;
}

// Sums of one query over all rows, and which rows have one.
struct Sums {
    std::vector<double> sums;
    std::vector<int32_t> touched;
    size_t held = 0;

    explicit Sums(size_t rows) : sums(rows) {}

    // False where a row is none of these: the sums are of no use then.
    bool add(const int32_t *rows, const float *saturation, size_t size, double weight) {
        if (touched.size() <= held + size) touched.resize(held + size + 1);
        for (size_t place = 0; place < size; place++) {
            const int32_t row = rows[place];
            if (static_cast<size_t>(row) >= sums.size()) return false;
            const double before = sums[row], after = before + weight * saturation[place];
            sums[row] = after;
            // Without a branch: which rows are new cannot be foreseen. A field of no weight leaves
            // 0: such a row is found by another term, or not at all.
            touched[held] = row;
            held += (before == 0.0) & (after != 0.0);
        }
        return true;
    }

    // Takes from the rows that have a sum; the others have nothing to lose.
    bool lower(const int32_t *rows, const float *saturation, size_t size, double weight) {
        for (size_t place = 0; place < size; place++) {
            const int32_t row = rows[place];
            if (static_cast<size_t>(row) >= sums.size()) return false;
            if (sums[row] != 0.0) sums[row] += weight * saturation[place];
        }
        return true;
    }

    // Above 1 is only ever the last bit that float32 saturation may add.
    double share(int64_t row, double total) const {
        return total > 0.0 ? std::clamp(sums[row] / total, 0.0, 1.0) : sums[row];
    }

    std::vector<Placed> drain(
        double total, const uint8_t *among, const int64_t *ranks, size_t count) {
        std::vector<double> scores;
        scores.reserve(held);
        size_t kept = 0;
        for (size_t place = 0; place < held; place++) {
            const int32_t row = touched[place];
            const double score = share(row, total);
            sums[row] = 0.0;
            if (score > 0.0 && (!among || among[row])) {
                scores.push_back(score);
                touched[kept++] = row;
            }
        }
        held = 0;
        return best(touched.data(), scores.data(), kept, ranks, count);
    }
};

}  // namespace gradus
