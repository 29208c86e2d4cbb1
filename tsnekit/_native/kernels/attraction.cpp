#include "kernels/attraction.hpp"

#include "fastmath.hpp"
#include "kernels/edges.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

constexpr index_t block_rows = 256;

// Distances that overflow are cut here, so that their reciprocals stay numbers.
constexpr float largest = 1e37f;

// Calls body(value, offset, dof + |offset|^2) for packs of the row's edges, offset = y - t_j.
template <int D, class Source, class Body>
void for_edges(const Source& p, index_t row, const float* y, const float* target,
               float dof, Body&& body) {
  const index_t begin = p.row_start[row];
  const int count = static_cast<int>(p.row_start[row + 1] - begin);
  for (int k = 0; k < count; k += Pack::width) {
    Columns column;
    Pack value, offset[D];
    load_entries(p, begin + k, count - k, column, value);
    gather_points<D>(column, target, offset);
    Pack spread(dof);
    for (int c = 0; c < D; ++c) {
      offset[c] = Pack(y[c]) - offset[c];
      spread = multiply_add(offset[c], offset[c], spread);
    }
    body(value, offset, min(spread, Pack(largest)));
  }
}

// The same for any number of dimensions, edge by edge.
template <class Source, class Body>
void for_edges_any(const Source& p, index_t row, int d, const float* y, const float* target,
                   float dof, Body&& body) {
  for (index_t k = p.row_start[row]; k < p.row_start[row + 1]; ++k) {
    const float* t = target + static_cast<index_t>(column_at(p, k)) * d;
    float spread = dof;
    for (int c = 0; c < d; ++c) spread += (y[c] - t[c]) * (y[c] - t[c]);
    body(value_at(p, k), t, std::min(spread, largest));
  }
}

// sum_j p_j (y - t_j) / (dof + |y - t_j|^2), the attraction without a factor dof.
template <int D, class Source>
void row_force(const Source& p, index_t row, int d, const float* y, const float* target,
               float dof, float* force) {
  if constexpr (D == 0) {
    std::fill(force, force + d, 0.0f);
    for_edges_any(p, row, d, y, target, dof, [&](float value, const float* t, float spread) {
      for (int c = 0; c < d; ++c) force[c] += value / spread * (y[c] - t[c]);
    });
  } else {
    Pack sum[D];
    for (Pack& each : sum) each = Pack(0.0f);
    for_edges<D>(p, row, y, target, dof,
                 [&](const Pack& value, const Pack* offset, const Pack& spread) {
                   const Pack pull = value * reciprocal(spread);
                   for (int c = 0; c < D; ++c) sum[c] = multiply_add(pull, offset[c], sum[c]);
                 });
    for (int c = 0; c < D; ++c) force[c] = total(sum[c]);
  }
}

template <int D>
float row_cost_of(const Affinities& p, index_t row, int d, const float* y, const float* target,
                  float dof) {
  const float inverse_dof = 1.0f / dof;
  if constexpr (D == 0) {
    float cost = 0.0f;
    for_edges_any(p, row, d, y, target, dof, [&](float value, const float*, float spread) {
      cost += value * (fast_log(value) + dof * fast_log(spread * inverse_dof));
    });
    return cost;
  } else {
    float lanes[Pack::width] = {};
    for_edges<D>(p, row, y, target, dof,
                 [&](const Pack& value, const Pack*, const Pack& spread) {
                   float v[Pack::width], s[Pack::width];
                   store(value, v);
                   store(spread, s);
                   for (int k = 0; k < Pack::width; ++k) {
                     lanes[k] += v[k] * (fast_log(v[k]) + dof * fast_log(s[k] * inverse_dof));
                   }
                 });
    float cost = 0.0f;
    for (const float lane : lanes) cost += lane;
    return cost;
  }
}

// The gradient of rows `first` to `last`; row i has its place order[i], or i, in `z` and `out`.
template <int D, class Source>
void attraction_rows(const Source& p, index_t first, index_t last, int d, const float* y,
                     const float* target, double dof, double exaggeration, const double* z,
                     bool z_per_row, const std::int32_t* order, float* out) {
  const int dims = D ? D : d;
  const float scale = static_cast<float>(exaggeration * dof);
  std::vector<float> force(static_cast<std::size_t>(dims));
  for (index_t i = first; i < last; ++i) {
    row_force<D>(p, i, d, y + i * dims, target, static_cast<float>(dof), force.data());
    const index_t place = order ? order[i] : i;
    const float inverse_z = static_cast<float>(1.0 / z[z_per_row ? place : 0]);
    float* gradient = out + place * dims;
    for (int c = 0; c < dims; ++c) gradient[c] = scale * force[c] - gradient[c] * inverse_z;
  }
}

template <class Source>
void attraction_of(const Source& p, int d, const float* y, const float* target, double dof,
                   double exaggeration, const double* z, bool z_per_row, const std::int32_t* order,
                   float* out, int threads) {
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      attraction_rows<decltype(dimension)::value>(p, first, last, d, y, target, dof, exaggeration,
                                                  z, z_per_row, order, out);
    });
  });
}

}  // namespace

void attraction(const Affinities& p, int d, const float* y, const float* target, double dof,
                double exaggeration, const double* z, bool z_per_row, float* out, int threads) {
  attraction_of(p, d, y, target, dof, exaggeration, z, z_per_row, nullptr, out, threads);
}

void packed_attraction(const PackedAffinities& p, int d, const float* y, double dof,
                       double exaggeration, double z, const std::int32_t* order, float* out,
                       int threads) {
  attraction_of(p, d, y, y, dof, exaggeration, &z, false, order, out, threads);
}

void attraction_cost(const Affinities& p, int d, const float* y, const float* target, double dof,
                     double* row_cost, int threads) {
  for_blocks(p.n_rows, block_rows, threads, [&](index_t, index_t first, index_t last) {
    with_dimension(d, [&](auto dimension) {
      for (index_t i = first; i < last; ++i) {
        row_cost[i] = row_cost_of<decltype(dimension)::value>(p, i, d, y + i * d, target,
                                                              static_cast<float>(dof));
      }
    });
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
