#include "kernels/affinities/symmetrize.hpp"

#include <atomic>

#include "kernels/simd/floats.hpp"
#include "kernels/affinities/row_sorter.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr int lanes = RowSorter::lanes;
constexpr index_t block_rows = 16 * lanes;
constexpr index_t buckets_at_once = 8;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

// How the matrix is divided. The division depends on n alone. One thread reads a slice of rows, and
// one thread writes a bucket of rows. A bucket is so small that its part of the result stays in
// cache. The number of a row within its slice or bucket has 16 bits.
struct Partition {
  static constexpr index_t max_local = 1 << 16, usual_slices = 16, usual_buckets = 1024;

  explicit Partition(index_t n_rows)
      : n(n_rows),
        slice_rows(std::min(max_local, std::max(block_rows, (n - 1) / usual_slices + 1))),
        slices((n - 1) / slice_rows + 1) {
    while (bits < 16 && ((n - 1) >> bits) >= usual_buckets) ++bits;
    buckets = ((n - 1) >> bits) + 1;
  }

  index_t first_row(index_t bucket) const { return std::min(n, bucket << bits); }

  index_t n, slice_rows, slices, buckets;
  int bits = 9;  // of a row's number within its bucket
};

// The edges of the neighbor graph, ordered by the bucket to which they lead, and within a bucket by
// their origin. Bucket b has the places room(b) to room(b + 1), for all edges from its rows and to
// its rows. The edges to its rows are at the end, slice after slice. An edge has its weight, and
// one number made of the numbers of its two rows within slice and bucket.
class Exchange {
 public:
  Exchange(const ConditionalWeights& w, const Partition& part, int threads)
      : w_(w), part_(part), threads_(threads), end_(at(part.slices * part.buckets)),
        room_(at(part.buckets) + 1) {}

  index_t room(index_t bucket) const { return room_[at(bucket)]; }
  // Where the edges to a bucket begin, and where the edges from one slice to it end.
  index_t begin(index_t bucket) const {
    return room(bucket) + w_.k * (part_.first_row(bucket + 1) - part_.first_row(bucket));
  }
  index_t end(index_t slice, index_t bucket) const {
    return end_[at(slice * part_.buckets + bucket)];
  }

  // Makes the rooms. Returns false if a neighbor is not a row.
  bool count() {
    std::atomic<bool> valid{true};
    for_blocks(part_.n, part_.slice_rows, threads_, [&](index_t s, index_t first, index_t last) {
      index_t* count = &end_[at(s * part_.buckets)];
      for (index_t e = first * w_.k; e < last * w_.k; ++e) {
        const index_t row = w_.neighbor[e];
        if (row < 0 || row >= part_.n) {
          valid = false;
          return;
        }
        ++count[row >> part_.bits];
      }
    });
    if (!valid) return false;
    for (index_t b = 0; b < part_.buckets; ++b) {
      index_t place = begin(b);
      for (index_t s = 0; s < part_.slices; ++s) {
        const index_t count = end(s, b);
        end_[at(s * part_.buckets + b)] = place;
        place += count;
      }
      room_[at(b) + 1] = place;
    }
    return true;
  }

  void distribute(std::int32_t* ends, float* weight) {
    for_blocks(part_.n, part_.slice_rows, threads_, [&](index_t s, index_t first, index_t last) {
      index_t* next = &end_[at(s * part_.buckets)];
      const std::int32_t* neighbor = w_.neighbor;
      const float* given = w_.weight;
      const int k = w_.k, bits = part_.bits;
      const std::uint32_t mask = (1u << bits) - 1;
      for (index_t i = first; i < last; ++i) {
        const auto from = static_cast<std::uint32_t>(i - first) << 16;
        for (index_t e = i * k; e < (i + 1) * k; ++e) {
          const auto row = static_cast<std::uint32_t>(neighbor[e]);
          const index_t place = next[row >> bits]++;
          ends[place] = static_cast<std::int32_t>(from | (row & mask));
          weight[place] = given[e];
        }
      }
    });
  }

 private:
  const ConditionalWeights& w_;
  const Partition& part_;
  int threads_;
  std::vector<index_t> end_, room_;
};

struct Edge {
  std::int32_t from;
  float weight;
};

// The edges to the rows of one bucket, by row. One object serves many buckets, so that it allocates
// its memory once.
class Incoming {
 public:
  void sort(const Partition& part, const Exchange& edges, index_t bucket,
            const std::int32_t* ends, const float* weight) {
    const index_t rows = part.first_row(bucket + 1) - part.first_row(bucket);
    const index_t begin = edges.begin(bucket), end = edges.room(bucket + 1);
    next_.assign(at(rows) + 1, 0);
    if (edges_.size() < at(end - begin + rows)) edges_.resize(at(end - begin + rows));
    std::size_t* next = next_.data();
    Edge* sorted = edges_.data();
    for (index_t e = begin; e < end; ++e) ++next[(ends[e] & 0xffff) + 1];
    for (index_t r = 1; r <= rows; ++r) next[r] += next[r - 1] + 1;
    // Counting sort. In the end, next[r] is where row r ends, one before row r + 1 begins.
    index_t e = begin;
    for (index_t s = 0; s < part.slices; ++s) {
      const auto first = static_cast<std::uint32_t>(s * part.slice_rows);
      for (const index_t stop = edges.end(s, bucket); e < stop; ++e) {
        const auto rows_of_edge = static_cast<std::uint32_t>(ends[e]);
        const auto from = static_cast<std::int32_t>(first + (rows_of_edge >> 16));
        sorted[next[rows_of_edge & 0xffff]++] = {from, weight[e]};
      }
    }
    for (index_t r = 0; r < rows; ++r) sorted[next[r]].from = RowSorter::end;
    for (index_t r = rows; r > 0; --r) next[r] = next[r - 1] + 1;
    next[0] = 0;
  }

  // The edges to a row. RowSorter::end follows them.
  const Edge* row(index_t r) const { return &edges_[next_[at(r)]]; }
  index_t count(index_t r) const {
    return static_cast<index_t>(next_[at(r) + 1] - next_[at(r)]) - 1;
  }

 private:
  std::vector<std::size_t> next_;
  std::vector<Edge> edges_;
};

// Joins a row of the sorter, whose entries are `lanes` apart, with the incoming edges of the row.
//
// The choice between the two lists is as good as random. Masks make it, because a branch would be
// mispredicted every other time.
template <Symmetrization How>
struct RowMerge {
  const std::int32_t* own;
  const float* own_value;
  const Edge* in;
  std::int32_t* column;
  float* value;
  index_t count = 0;
  double sum = 0.0;
  index_t next_own = 0;

  // Writes the next entry. Returns false if no entry is left.
  bool step() {
    const std::int32_t x = own[next_own], y = in->from;
    const std::int32_t take_own = -static_cast<std::int32_t>(x <= y);
    const std::int32_t take_in = -static_cast<std::int32_t>(y <= x);
    const std::int32_t next = (x & take_own) | (y & take_in);
    if (next == RowSorter::end) return false;
    const float u = float_from_bits(float_bits(own_value[next_own]) & take_own);
    const float v = float_from_bits(float_bits(in->weight) & take_in);
    const float joined = How == Symmetrization::mean ? u + v : std::max(u, v);
    column[count] = next;
    value[count] = joined;
    sum += joined;
    ++count;
    next_own += take_own & lanes;
    in += take_in & 1;
    return true;
  }
};

// Merges two rows at a time. A step waits for the step before it, but not for the other row.
template <Symmetrization How>
void merge_two(RowMerge<How>& first, RowMerge<How>& second) {
  RowMerge<How> x = first, y = second;
  while (x.step() && y.step()) {
  }
  while (x.step()) {
  }
  while (y.step()) {
  }
  first = x;
  second = y;
}

// Writes the rows of every bucket at the beginning of its room, one after the other.
template <Symmetrization How>
class BucketMerge {
 public:
  BucketMerge(const ConditionalWeights& w, const Partition& part, const Exchange& edges)
      : w_(w), part_(part), edges_(edges), sorter_(w.neighbor, w.weight, w.k) {}

  // Returns the sum of all values, and fills in the length of each row.
  double merge(index_t bucket, index_t* length, std::int32_t* column, float* value) {
    const index_t first = part_.first_row(bucket), last = part_.first_row(bucket + 1);
    incoming_.sort(part_, edges_, bucket, column, value);
    index_t place = edges_.room(bucket);
    double total = 0.0;
    for (index_t group = first; group < last; group += lanes) {
      const index_t end = std::min(group + lanes, last);
      sorter_.sort(group, end);
      for (index_t i = group; i < end; i += 2) {
        auto row = begin(i, group, first);
        row.column = column + place;
        row.value = value + place;
        auto other = i + 1 < end ? begin(i + 1, group, first) : nothing();
        // The place of the second row is known only when the first one has been merged.
        if (i + 1 < end) reserve(w_.k + incoming_.count(i + 1 - first));
        other.column = columns_.data();
        other.value = values_.data();
        merge_two(row, other);
        length[i] = row.count;
        if (i + 1 < end) length[i + 1] = other.count;
        std::copy_n(other.column, other.count, row.column + row.count);
        std::copy_n(other.value, other.count, row.value + row.count);
        place += row.count + other.count;
        total += row.sum + other.sum;
      }
    }
    return total;
  }

 private:
  RowMerge<How> begin(index_t i, index_t group, index_t first) const {
    const int lane = static_cast<int>(i - group);
    return {sorter_.columns(lane), sorter_.values(lane), incoming_.row(i - first), nullptr,
            nullptr};
  }
  void reserve(index_t count) {
    if (columns_.size() >= at(count)) return;
    columns_.resize(at(count));
    values_.resize(at(count));
  }
  static RowMerge<How> nothing() {
    static constexpr Edge none = {RowSorter::end, 0.0f};
    return {&none.from, &none.weight, &none, nullptr, nullptr};
  }

  const ConditionalWeights& w_;
  const Partition& part_;
  const Exchange& edges_;
  RowSorter sorter_;
  Incoming incoming_;
  std::vector<std::int32_t> columns_;
  std::vector<float> values_;
};

template <Symmetrization How>
double merge_buckets(const ConditionalWeights& w, const Partition& part, const Exchange& edges,
                     index_t* length, std::int32_t* column, float* value, int threads) {
  return sum_blocks(part.buckets, buckets_at_once, threads, [&](index_t begin, index_t end) {
    BucketMerge<How> merge(w, part, edges);
    double total = 0.0;
    for (index_t b = begin; b < end; ++b) total += merge.merge(b, length, column, value);
    return total;
  });
}

// Moves every bucket down from its room to its final place, and scales it.
void close_gaps(const Partition& part, const Exchange& edges, const index_t* row_start,
                float scale, std::int32_t* column, float* value, int threads) {
  const auto start = [&](index_t bucket) { return row_start[part.first_row(bucket)]; };
  const auto move = [&](index_t bucket) {
    const index_t from = edges.room(bucket), to = start(bucket), count = start(bucket + 1) - to;
    // Each entry moves down, so that no entry is overwritten before it is read.
#pragma omp simd
    for (index_t t = 0; t < count; ++t) column[to + t] = column[from + t];
#pragma omp simd
    for (index_t t = 0; t < count; ++t) value[to + t] = value[from + t] * scale;
  };
  // Buckets move at the same time if all of them end up before the old place of the first one. The
  // gaps add up, so that more and more buckets can move at once.
  for (index_t first = 0; first < part.buckets;) {
    index_t last = first + 1;
    while (last < part.buckets && start(last + 1) <= edges.room(first)) ++last;
    for_blocks(last - first, 1, threads, [&](index_t b, index_t, index_t) { move(first + b); });
    first = last;
  }
}

}  // namespace

bool symmetrize(const ConditionalWeights& w, Symmetrization how, index_t* row_start,
                std::int32_t* column, float* value, int threads) {
  const Partition part(w.n_rows);
  Exchange edges(w, part, threads);
  if (!edges.count()) return false;
  edges.distribute(column, value);
  const auto merge = how == Symmetrization::mean ? merge_buckets<Symmetrization::mean>
                                                 : merge_buckets<Symmetrization::max>;
  const double total = merge(w, part, edges, row_start + 1, column, value, threads);
  row_start[0] = 0;
  for (index_t i = 0; i < w.n_rows; ++i) row_start[i + 1] += row_start[i];
  const float scale = total > 0.0 ? static_cast<float>(1.0 / total) : 0.0f;
  close_gaps(part, edges, row_start, scale, column, value, threads);
  return true;
}

bool sort_rows(const ConditionalWeights& w, index_t n_columns, double scale, std::int32_t* column,
               float* value, int threads) {
  std::atomic<bool> valid{true};
  for_blocks(w.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    RowSorter sorter(w.neighbor, w.weight, w.k);
    for (index_t group = first; group < last; group += lanes) {
      const index_t end = std::min(group + lanes, last);
      sorter.sort(group, end);
      for (index_t i = group; i < end; ++i) {
        const std::int32_t* sorted = sorter.columns(static_cast<int>(i - group));
        const float* weight = sorter.values(static_cast<int>(i - group));
        if (sorted[0] < 0 || sorted[(w.k - 1) * lanes] >= n_columns) valid = false;
        for (int j = 0; j < w.k; ++j) {
          column[i * w.k + j] = sorted[j * lanes];
          value[i * w.k + j] = static_cast<float>(weight[j * lanes] * scale);
        }
      }
    }
  });
  return valid;
}

}  // namespace tsnekit::TSNEKIT_ISA
