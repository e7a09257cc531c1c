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

// Calls found(place) for every value that is `least` or more, ascending. Blocks without any, which
// are most, cost one comparison for all.
template <class Value, class Found>
inline void each_from(const Value *values, size_t size, Value least, Found found) {
    size_t place = 0;
    for (; place + 16 <= size; place += 16) {
        int any = 0;
        for (int lane = 0; lane < 16; lane++) any |= values[place + lane] >= least;
        if (!any) continue;
        for (int lane = 0; lane < 16; lane++)
            if (values[place + lane] >= least) found(place + lane);
    }
    for (; place < size; place++)
        if (values[place] >= least) found(place);
}

// The `count`-th largest of `size` values, or the least where there are fewer; NaN is no value. One
// in 32 says where to look for it; with half as many again and twelve to spare, what the sample
// proposes holds the wanted number but for one search in thousands, which then looks at all.
template <class Value>
inline Value limit_of(const Value *values, size_t size, size_t count) {
    constexpr size_t SAMPLED = 32, SPARE = 12;
    constexpr Value LEAST = -std::numeric_limits<Value>::infinity();
    if (count >= size) return LEAST;
    const auto largest = [](std::vector<Value> &of, size_t place) {
        std::nth_element(of.begin(), of.begin() + place - 1, of.end(), std::greater<Value>());
        return of[place - 1];
    };
    std::vector<Value> likely;
    likely.reserve(size / SAMPLED + 1);
    const size_t place = count / SAMPLED * 3 / 2 + SPARE;
    for (size_t at = 0; at < size; at += SAMPLED)
        if (values[at] >= LEAST) likely.push_back(values[at]);
    const Value from = place < likely.size() ? largest(likely, place) : LEAST;
    const auto look = [&](Value least) {
        likely.clear();
        each_from(values, size, least, [&](size_t at) { likely.push_back(values[at]); });
        return likely.size() >= count;
    };
    return look(from) || look(LEAST) ? largest(likely, count) : LEAST;
}

// Places of the `count` largest values, ascending, and of all that equal the last of them.
inline std::vector<int64_t> nearest(const float *values, size_t size, size_t count) {
    std::vector<int64_t> places;
    if (count)
        each_from(values, size, limit_of(values, size, count),
                  [&](size_t place) { places.push_back(place); });
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
    if (!count) return placed;
    // All that tie with the last one compete for its place by rank.
    each_from(scores, size, limit_of(scores, size, count), [&](size_t place) {
        placed.push_back({scores[place], ranks[rows[place]], rows[place]});
    });
    std::sort(placed.begin(), placed.end());
    if (placed.size() > count) placed.resize(count);
    return placed;
}

// For each of `rows` whether it is not `among` those.
inline void absent(
    const int64_t *rows, size_t size, const int64_t *among, size_t others, uint8_t *found) {
    std::vector<int64_t> known(among, among + others);
    std::sort(known.begin(), known.end());
    for (size_t place = 0; place < size; place++)
        found[place] = !std::binary_search(known.begin(), known.end(), rows[place]);
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
