#include "kernels/descent/attraction.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dimensions.hpp"
#include "kernels/descent/edges.hpp"
#include "kernels/simd/elementary.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 256;

// Larger squared distances count as this one, so that their reciprocals are normal numbers.
constexpr float largest = 1e37f;

// Calls body(value, offset, start + |offset|^2) for the edges of the row, as many at a time as
// Floats holds. The offset is y - t_j.
template <int D, class Source, class Body>
void for_edges(const Source& p, index_t row, const float* y, const float* target, Loading how,
               float start, Body&& body) {
  const index_t begin = p.row_start[row];
  const int count = static_cast<int>(p.row_start[row + 1] - begin);
  for (int k = 0; k < count; k += Floats::width) {
    Columns column;
    Floats value, offset[D];
    load_entries(p, begin + k, count - k, column, value);
    gather_points<D>(column, target, how, offset);
    Floats spread(start);
    for (int c = 0; c < D; ++c) {
      offset[c] = Floats(y[c]) - offset[c];
      spread = multiply_add(offset[c], offset[c], spread);
    }
    body(value, offset, min(spread, Floats(largest)));
  }
}

// The same for any number of dimensions, one edge at a time.
template <class Source, class Body>
void for_edges_any(const Source& p, index_t row, int d, const float* y, const float* target,
                   float start, Body&& body) {
  for (index_t k = p.row_start[row]; k < p.row_start[row + 1]; ++k) {
    const float* t = target + static_cast<index_t>(column_at(p, k)) * d;
    float spread = start;
    for (int c = 0; c < d; ++c) spread += (y[c] - t[c]) * (y[c] - t[c]);
    body(value_at(p, k), t, std::min(spread, largest));
  }
}

// log(1 + |offset|^2 / dof), given `spread`, which is dof + |offset|^2, cut at `largest`.
template <int D>
Floats log_base(const Floats& spread, const Floats* offset, float dof) {
  if (dof == 1.0f) return log_of_normal(spread, Floats(0.0f));
  // The logarithm of 1 + x, and not of its rounded sum, since dof multiplies its error.
  Floats squared(0.0f);
  for (int c = 0; c < D; ++c) squared = multiply_add(offset[c], offset[c], squared);
  return fast_log1p(min(min(squared, Floats(largest)) * Floats(1.0f / dof), Floats(largest)));
}

// The same for an offset y - t of any number of dimensions.
inline float log_base_any(float spread, int d, const float* y, const float* t, float dof) {
  if (dof == 1.0f) return log_of_normal(spread, 0.0f);
  float squared = 0.0f;
  for (int c = 0; c < d; ++c) squared += (y[c] - t[c]) * (y[c] - t[c]);
  return fast_log1p(min(min(squared, largest) * (1.0f / dof), largest));
}

// sum_j p_j (y - t_j) / (dof + |y - t_j|^2): the attraction without its factor dof. Returns
// sum_j p_j log(1 + |y - t_j|^2 / dof) if it is asked for.
template <int D, bool WithLogs, class Source>
float row_force(const Source& p, index_t row, int d, const float* y, const float* target,
                Loading how, float dof, float* force) {
  if constexpr (D == 0) {
    float logs = 0.0f;
    std::fill(force, force + d, 0.0f);
    for_edges_any(p, row, d, y, target, dof, [&](float value, const float* t, float spread) {
      for (int c = 0; c < d; ++c) force[c] += value / spread * (y[c] - t[c]);
      if constexpr (WithLogs) logs += value * log_base_any(spread, d, y, t, dof);
    });
    return logs;
  } else {
    Floats sum[D], logs(0.0f);
    for (Floats& each : sum) each = Floats(0.0f);
    for_edges<D>(p, row, y, target, how, dof,
                 [&](const Floats& value, const Floats* offset, const Floats& spread) {
                   const Floats pull = value * reciprocal(spread);
                   for (int c = 0; c < D; ++c) sum[c] = multiply_add(pull, offset[c], sum[c]);
                   if constexpr (WithLogs) {
                     logs = multiply_add(value, log_base<D>(spread, offset, dof), logs);
                   }
                 });
    for (int c = 0; c < D; ++c) force[c] = total(sum[c]);
    return WithLogs ? total(logs) : 0.0f;
  }
}

template <int D>
float row_cost_of(const Affinities& p, index_t row, int d, const float* y, const float* target,
                  Loading how, float dof) {
  if constexpr (D == 0) {
    float cost = 0.0f;
    for_edges_any(p, row, d, y, target, dof, [&](float value, const float* t, float spread) {
      cost += value * (fast_log(value) + dof * log_base_any(spread, d, y, t, dof));
    });
    return cost;
  } else {
    Floats sum(0.0f);
    for_edges<D>(p, row, y, target, how, dof,
                 [&](const Floats& value, const Floats* offset, const Floats& spread) {
                   const Floats log_p = fast_log(value);
                   sum = sum + value * (log_p + Floats(dof) * log_base<D>(spread, offset, dof));
                 });
    float lanes[Floats::width], cost = 0.0f;
    store(sum, lanes);
    for (const float lane : lanes) cost += lane;
    return cost;
  }
}

// The gradient of rows `first` to `last`. The place of row i in `z`, `out` and `row_logs` is
// order[i], or i without an order.
template <int D, bool WithLogs, class Source>
void attraction_rows(const Source& p, index_t first, index_t last, int d, const float* y,
                     const float* target, Loading how, double dof, double exaggeration,
                     const double* z, bool z_per_row, const std::int32_t* order, float* out,
                     double* row_logs) {
  const int dims = D ? D : d;
  const float scale = static_cast<float>(exaggeration * dof);
  std::vector<float> force(static_cast<std::size_t>(dims));
  for (index_t i = first; i < last; ++i) {
    const float logs = row_force<D, WithLogs>(p, i, d, y + i * dims, target, how,
                                              static_cast<float>(dof), force.data());
    const index_t place = order ? order[i] : i;
    const float inverse_z = static_cast<float>(1.0 / z[z_per_row ? place : 0]);
    float* gradient = out + place * dims;
    for (int c = 0; c < dims; ++c) gradient[c] = scale * force[c] - gradient[c] * inverse_z;
    if constexpr (WithLogs) row_logs[place] = dof * logs;
  }
}

#if defined(TSNEKIT_FLOATS_AVX512) || defined(TSNEKIT_FLOATS_AVX2)

// Times each way on affinities of points that fit into a cache, the best of some passes each.
Loading faster_loading() {
  constexpr index_t n_points = 4096, n_rows = 128, row_length = 96, passes = 7;
  std::vector<float> points(2 * n_points, 0.5f), out(2 * n_rows), value(n_rows * row_length, 1.0f);
  std::vector<std::int32_t> column(value.size());
  std::vector<index_t> row_start(n_rows + 1);
  for (std::size_t k = 0; k < column.size(); ++k) {
    column[k] = static_cast<std::int32_t>(k * 2654435761u % n_points);  // here and there
  }
  for (index_t i = 0; i <= n_rows; ++i) row_start[static_cast<std::size_t>(i)] = i * row_length;
  const Affinities p{n_rows, row_start.data(), column.data(), value.data()};
  using Clock = std::chrono::steady_clock;
  Clock::duration best[2] = {Clock::duration::max(), Clock::duration::max()};
  const double z = 1.0;
  for (int pass = 0; pass < passes; ++pass) {
    for (const Loading how : {Loading::gather, Loading::one_by_one}) {
      const auto started = Clock::now();
      attraction_rows<2, false>(p, 0, n_rows, 2, points.data(), points.data(), how, 1.0, 1.0, &z,
                                false, nullptr, out.data(), nullptr);
      auto& least = best[static_cast<int>(how)];
      least = std::min(least, Clock::now() - started);
    }
  }
  return best[0] <= best[1] ? Loading::gather : Loading::one_by_one;
}

#endif

Loading chosen_loading() {
  const char* asked = std::getenv("TSNEKIT_LOADING");
  if (asked != nullptr && std::strcmp(asked, "gather") == 0) return Loading::gather;
  if (asked != nullptr && std::strcmp(asked, "one_by_one") == 0) return Loading::one_by_one;
#if defined(TSNEKIT_FLOATS_AVX512) || defined(TSNEKIT_FLOATS_AVX2)
  return faster_loading();
#else
  return Loading::one_by_one;  // there is no other way
#endif
}

template <class Source>
void attraction_of(const Source& p, int d, const float* y, const float* target, double dof,
                   double exaggeration, const double* z, bool z_per_row, const std::int32_t* order,
                   float* out, double* row_logs, int threads) {
  const Loading how = loading_in_use();
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      constexpr int D = decltype(dimension)::value;
      const auto rows = row_logs ? attraction_rows<D, true, Source> : attraction_rows<D, false, Source>;
      rows(p, first, last, d, y, target, how, dof, exaggeration, z, z_per_row, order, out, row_logs);
    });
  });
}

}  // namespace

Loading loading_in_use() {
  static const Loading how = chosen_loading();
  return how;
}

void attraction(const Affinities& p, int d, const float* y, const float* target, double dof,
                double exaggeration, const double* z, bool z_per_row, float* out, double* row_logs,
                int threads) {
  attraction_of(p, d, y, target, dof, exaggeration, z, z_per_row, nullptr, out, row_logs, threads);
}

void compact_attraction(const CompactAffinities& p, int d, const float* y, const float* target,
                       double dof, double exaggeration, double z, const std::int32_t* order,
                       float* out, double* row_logs, int threads) {
  attraction_of(p, d, y, target, dof, exaggeration, &z, false, order, out, row_logs, threads);
}

void attraction_cost(const Affinities& p, int d, const float* y, const float* target, double dof,
                     double* row_cost, int threads) {
  const Loading how = loading_in_use();
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      for (index_t i = first; i < last; ++i) {
        row_cost[i] = row_cost_of<decltype(dimension)::value>(p, i, d, y + i * d, target,
                                                              how, static_cast<float>(dof));
      }
    });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
