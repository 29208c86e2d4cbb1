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
  const float* slope;   // (width - 1, width): the same for d weight / ds
  float corner[3];      // lower corner of the first cell
  float inverse_cell;   // 1 / (side of a cell)
  float shift;          // added to the position, in cells
  index_t cells[3];
  index_t stride[3];    // of the node array, in elements; stride[d - 1] is 1
};

// Smallest and largest coordinate per axis, over all rows of `y` (n, d), n > 0.
TSNEKIT_DECLARE(void, point_bounds, index_t n, int d, const float* y, float* lower, float* upper,
                int threads)

// Sets `charge` (`size` elements) to the unit charges of the points, spread. `scratch` (n, d).
TSNEKIT_DECLARE(void, spread_charges, const Grid& grid, index_t n, const float* y, float* scratch,
                index_t size, float* charge, int threads)

// What turns the gathered field into forces and normalization:
//   Z_i = scale * (field - own) + constant,   own = the field of the point's own unit charge.
struct Potential {
  double scale;
  double constant;
  const float* own;  // (width, ..., width) coefficients by powers of the squared offsets from the
                     // cell's centre along each axis; or null where points have no charge
};

// Forces out[i] = -scale / 2 * grad(field) at y[i], the point's own field taken off; Z_i to
// row_z[i] unless null. Returns sum_i Z_i.
TSNEKIT_DECLARE(double, gather_gradient, const Grid& grid, index_t n, const float* y,
                const float* field, const Potential& potential, float* out, double* row_z,
                int threads)

// The same where the components of the force are fields of their own: field[0] is the potential,
// field[1 + c] at `field + (1 + c) * field_stride` the force along axis c. They have no self-force.
TSNEKIT_DECLARE(double, gather_components, const Grid& grid, index_t n, const float* y,
                const float* field, index_t field_stride, const Potential& potential, float* out,
                double* row_z, int threads)

}  // namespace tsnekit
