// Points on a regular grid: unit charges are spread from points to nodes, and fields given at the
// nodes are gathered back at points.
//
// A point's stencil is `width` nodes an axis, the outer product of one weight vector per axis. A
// weight is a polynomial of where the point lies in its cell, and the basis (B-splines, Lagrange
// polynomials) is nothing but the table of coefficients: no kernel knows which one it works with.
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

// Sets `charge` (`size` elements) to the unit charges of the points, spread. `scratch` (n, d).
TSNEKIT_DECLARE(void, spread_charges, const Grid& grid, index_t n, const float* y, float* scratch,
                index_t size, float* charge, int threads)

// Length of the differences that forces are found by.
constexpr int difference_taps = 5;

// Sets field[1 + c], along each axis c and away from the border by that many nodes, to
//   sum_t tap[t - 1] * (field[0] t nodes on - field[0] t nodes back),   t = 1 ... difference_taps.
// field[m] begins at field + m * field_stride; `nodes` (d,) is the shape of the grid.
TSNEKIT_DECLARE(void, difference_fields, const Grid& grid, const index_t* nodes, const float* tap,
                index_t field_stride, float* field, int threads)

// Turns the potential that is gathered into the normalization:
//   Z_i = scale * (potential - own) + constant,   own = the potential of the point's own charge.
struct Normalization {
  double scale;
  double constant;
  const float* own;  // (width, ..., width) coefficients by powers of the squared offsets from the
                     // cell's centre along each axis; or null where points have no charge
};

// Gathers field[0], the potential, as Z_i into row_z[i] unless null, and field[1 + c], the force
// along axis c, into out[i]. Returns sum_i Z_i.
TSNEKIT_DECLARE(double, gather_fields, const Grid& grid, index_t n, const float* y,
                const float* field, index_t field_stride, const Normalization& normalization,
                float* out, double* row_z, int threads)

}  // namespace tsnekit
