// Points on a regular grid. Unit charges are spread from points to nodes, and fields at the nodes
// are gathered at points.
//
// The stencil of a point has `width` nodes along each axis. Its weights are the outer product of
// one weight vector per axis. A weight is a polynomial of the point's position within its cell. A
// basis (B-splines, Lagrange polynomials) is only a table of coefficients, and no kernel knows
// which basis it works with.
#pragma once

#include "isa.hpp"
#include "parallel.hpp"

namespace tsnekit {

constexpr int max_grid_width = 6;

struct Grid {
  int d;
  int width;            // nodes along an axis that a point touches
  int step;             // nodes from one cell to the next
  const float* weight;  // (width, width): [j][k] is the coefficient of s^j for node k, where s in
                        // [-1/2, 1/2] is the offset from the cell's centre, in cells
  float corner[3];      // lower corner of the first cell
  float inverse_cell;   // 1 / (side of a cell)
  float shift;          // added to the position, in cells
  index_t cells[3];
  index_t stride[3];    // of the node array, in elements; stride[d - 1] is 1
};

// Spreads the unit charges of the points into `charge` (`size` elements). `scratch` is (n, d).
TSNEKIT_DECLARE(void, spread_charges, const Grid& grid, index_t n, const float* y, float* scratch,
                index_t size, float* charge, int threads)

// Number of taps: differences of the potential whose sum is the force.
constexpr int difference_taps = 5;

// Sets field[1 + c], along each axis c, to
//   sum_t tap[t - 1] * (field[0] t nodes on - field[0] t nodes back),   t = 1 ... difference_taps.
// Nodes that are less than difference_taps nodes from the border are left out. field[m] begins at
// field + m * field_stride. `nodes` (d,) is the shape of the grid.
TSNEKIT_DECLARE(void, difference_fields, const Grid& grid, const index_t* nodes, const float* tap,
                index_t field_stride, float* field, int threads)

// Turns the potential that is gathered into the normalization:
//   Z_i = scale * (potential - own) + constant,   own = the potential of the point's own charge.
struct Normalization {
  double scale;
  double constant;
  const float* own;  // (width, ..., width) coefficients by powers of the squared offsets from the
                     // cell's centre along each axis; or null if points have no charge
};

// Gathers field[0], the potential, as Z_i into row_z[i], unless row_z is null. Gathers the force
// along each axis c, field[1 + c], into out[i]. Returns sum_i Z_i.
TSNEKIT_DECLARE(double, gather_fields, const Grid& grid, index_t n, const float* y,
                const float* field, index_t field_stride, const Normalization& normalization,
                float* out, double* row_z, int threads)

}  // namespace tsnekit
