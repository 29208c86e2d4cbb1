#include "kernels/tree/barnes_hut.hpp"

#include <algorithm>

#include "dimensions.hpp"
#include "kernels/simd/elementary.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// The largest number of targets that share one list of sources. It is at least the size of a leaf.
constexpr int group_size = 48;
// A group accepts a source if the point with the strictest condition accepts it, so that most
// points do better than theta asks for. A point alone takes this share of theta, to do no worse.
constexpr double lone_theta = 0.6;
// The number of targets whose walk through the tree starts together.
constexpr index_t smallest_task = 64, largest_task = 1024;
// The number of targets that is worth one more thread.
constexpr index_t points_per_thread = 2048;
// The number of sources that are summed in float before the sum is added in double.
constexpr index_t chunk = 2048;

// Masses for a group that acts on itself. `ones_then_zeros + group_size - n` starts with n ones.
// `all_but_one + group_size - i` has its only zero at place i.
struct Masses {
  float ones_then_zeros[2 * group_size + padding];
  float all_but_one[2 * group_size + padding];
};

constexpr Masses make_masses() {
  Masses masses{};
  for (int k = 0; k < 2 * group_size + padding; ++k) {
    masses.ones_then_zeros[k] = k < group_size ? 1.0f : 0.0f;
    masses.all_but_one[k] = k == group_size ? 0.0f : 1.0f;
  }
  return masses;
}

constexpr Masses masses = make_masses();

// The kernel for dof = 1.
struct Cauchy {
  // Returns w^dof. `force` becomes w^(dof + 1).
  Floats operator()(const Floats& distance_squared, Floats& force) const {
    const Floats w = reciprocal(distance_squared + Floats(1.0f));
    force = w * w;
    return w;
  }
};

// The kernel for any dof.
struct Student {
  Floats inverse_dof, minus_dof;

  explicit Student(double dof)
      : inverse_dof(static_cast<float>(1.0 / dof)), minus_dof(static_cast<float>(-dof)) {}

  // log(1 + x) is computed from x. The sum 1 + x would lose digits, and dof would multiply this
  // error by a factor of any size.
  Floats operator()(const Floats& distance_squared, Floats& force) const {
    const Floats scaled = distance_squared * inverse_dof;
    const Floats w = reciprocal(scaled + Floats(1.0f));
    const Floats kernel = fast_exp(minus_dof * fast_log1p(scaled));
    force = kernel * w;
    return kernel;
  }
};

// Barnes' modified walk, which makes one list of sources for a group of nearby targets. A source is
// accepted only if every target of the group may accept it. What is decided for all targets of a
// node is not decided again for its children.
template <int D, class Kernel>
class Walker {
 public:
  Walker(const Tree& source, const Tree& target, const Kernel& kernel, double theta,
         RowRange rows, float* out, double* row_z, BarnesHutWalk& space)
      : source_(source),
        target_(target),
        kernel_(kernel),
        same_(&source == &target),
        theta_squared_(static_cast<float>(theta * theta * (same_ ? 1.0 : lone_theta * lone_theta))),
        rows_(rows),
        out_(out),
        row_z_(row_z),
        deferred_(space.deferred),
        queue_(space.queue),
        list_(space.list),
        opened_(space.opened),
        opened_leaf_(space.opened_leaf) {}

  // Computes the fields at all points of a node of the target tree. Returns the sum of Z_i.
  double run(std::int32_t task) {
    z_ = 0.0;
    if (!same_) {
      run_singly(target_.node[task]);
      return z_;
    }
    index_t pending = 0;
    std::int32_t ancestor = 0;
    while (ancestor != task) {
      const TreeNode& node = target_.node[ancestor];
      std::int32_t next = node.child;
      while (target_.node[next].end <= target_.node[task].begin) ++next;
      pending = add_siblings(ancestor, next, pending);
      ancestor = next;
    }
    descend(task, 0, pending, 0);
    return z_;
  }

 private:
  // Takes each point of a node as a group of its own. A point that is added to a reference then
  // does not depend on the other added points.
  void run_singly(const TreeNode& node) {
    deferred_.make_room(D, 1);
    copy<1>(source_.source, 0, deferred_, 0);
    TreeNode point = node;
    for (std::int32_t i = node.begin; i < node.end; ++i) {
      TreeBox box{};
      for (int c = 0; c < D; ++c) box.lower[c] = box.upper[c] = target_.coordinate[c][i];
      point.begin = i;
      point.end = i + 1;
      evaluate(point, decide<true>(box, 0, 1, 0).length);
    }
  }

  // Copies Count sources. Some of them may be padding after the last source.
  template <int Count>
  static void copy(const TreeSources& from, index_t i, TreeSources& to, index_t j) {
    for (int c = 0; c < D; ++c) std::copy_n(&from.centre[c][i], Count, &to.centre[c][j]);
    std::copy_n(&from.mass[i], Count, &to.mass[j]);
    std::copy_n(&from.size_squared[i], Count, &to.size_squared[j]);
    std::copy_n(&from.link[i], Count, &to.link[j]);
  }

  // Appends all children of a node except one to the deferred sources. Returns where the sources
  // end. If the points act on themselves, a target node meets its ancestors only here, so that no
  // source contains a target.
  index_t add_siblings(std::int32_t parent, std::int32_t child, index_t end) {
    const TreeNode& node = target_.node[parent];
    deferred_.make_room(D, end + (1 << D));
    for (std::int32_t sibling = node.child; sibling < node.child_end; ++sibling) {
      if (sibling != child) copy<1>(source_.source, sibling, deferred_, end++);
    }
    return end;
  }

  // Goes through target node t. The deferred sources are those that its parent left undecided. The
  // list of sources is filled up to `length`.
  void descend(std::int32_t t, index_t first, index_t last, index_t length) {
    const TreeNode& node = target_.node[t];
    if (node.leaf() || node.count() <= group_size) {
      evaluate(node, decide<true>(target_.box[t], first, last, length).length);
      return;
    }
    const Lengths lengths = decide<false>(target_.box[t], first, last, length);
    for (std::int32_t child = node.child; child < node.child_end; ++child) {
      const index_t end = add_siblings(t, child, lengths.deferred);
      descend(child, last, end, lengths.length);
    }
  }

  struct Lengths {
    index_t length, deferred;
  };

  // Decides on the deferred sources first..last, and on the sources inside them, for all targets of
  // a box. A source is accepted or opened. Unless Final, it may also be deferred again, after
  // `last`.
  template <bool Final>
  Lengths decide(const TreeBox& box, index_t first, index_t last, index_t length) {
    Lengths lengths{length, last};
    sift<Final>(box, deferred_, first, last, lengths);
    while (n_opened_ + n_opened_leaf_ > 0) {
      index_t pending = 0;
      queue_.make_room(D, n_opened_ << D);
      for (index_t k = 0; k < n_opened_; ++k) {
        const TreeNode& node = source_.node[opened_[k]];
        copy<1 << D>(source_.source, node.child, queue_, pending);
        pending += node.child_end - node.child;
      }
      for (index_t k = 0; k < n_opened_leaf_; ++k) {
        lengths.length = append_points(source_.node[~opened_leaf_[k]], lengths.length);
      }
      sift<Final>(box, queue_, 0, pending, lengths);
    }
    return lengths;
  }

  template <bool Final>
  void sift(const TreeBox& box, const TreeSources& from, index_t first, index_t last,
            Lengths& lengths) {
    list_.make_room(D, lengths.length + last - first);
    if (!Final) deferred_.make_room(D, lengths.deferred + last - first);
    make_room(opened_, last - first + padding);
    make_room(opened_leaf_, last - first + padding);
    const Floats theta_squared(theta_squared_), zero(0.0f);
    index_t length = lengths.length, deferred = lengths.deferred, opened = 0, opened_leaf = 0;
    for (index_t k = first; k < last; k += Floats::width) {
      Floats centre[D], nearest = zero, farthest = zero;
      for (int c = 0; c < D; ++c) {
        centre[c] = Floats::load(&from.centre[c][k]);
        const Floats below = Floats(box.lower[c]) - centre[c], above = centre[c] - Floats(box.upper[c]);
        const Floats near = max(max(below, above), zero);
        nearest = multiply_add(near, near, nearest);
        if (!Final) {
          const Floats far = max(zero - below, zero - above);
          farthest = multiply_add(far, far, farthest);
        }
      }
      const Floats mass = Floats::load(&from.mass[k]);
      const Floats size_squared = Floats::load(&from.size_squared[k]);
      const Floats link = Floats::load(&from.link[k]);
      const unsigned lanes = first_lanes(last - k);
      const unsigned accepted = at_most(size_squared, theta_squared * nearest) & lanes;
      unsigned open = lanes & ~accepted;
      if (!Final) {
        // If the farthest target may not accept a source, no target may.
        const unsigned defer = at_most(size_squared, theta_squared * farthest) & open;
        open &= ~defer;
        for (int c = 0; c < D; ++c) {
          store_selected(&deferred_.centre[c][deferred], centre[c], defer);
        }
        store_selected(&deferred_.mass[deferred], mass, defer);
        store_selected(&deferred_.size_squared[deferred], size_squared, defer);
        store_selected(&deferred_.link[deferred], link, defer);
        deferred += count(defer);
      }
      for (int c = 0; c < D; ++c) {
        store_selected(&list_.centre[c][length], centre[c], accepted);
      }
      store_selected(&list_.mass[length], mass, accepted);
      length += count(accepted);
      const unsigned leaf = negative(link) & open;
      store_selected(&opened_leaf_[opened_leaf], link, leaf);
      opened_leaf += count(leaf);
      store_selected(&opened_[opened], link, open & ~leaf);
      opened += count(open & ~leaf);
    }
    lengths = {length, deferred};
    n_opened_ = opened;
    n_opened_leaf_ = opened_leaf;
  }

  index_t append_points(const TreeNode& node, index_t length) {
    const index_t count = node.count();
    list_.make_room(D, length + count);
    for (index_t k = 0; k < count; k += padding) {
      for (int c = 0; c < D; ++c) {
        std::copy_n(&source_.coordinate[c][node.begin + k], padding, &list_.centre[c][length + k]);
      }
      std::fill_n(&list_.mass[length + k], padding, 1.0f);
    }
    return length + count;
  }

  // For each point of a group, sums over the list of sources and over the group itself.
  void evaluate(const TreeNode& group, index_t length) {
    list_.make_room(D, length);
    for (int c = 0; c < D; ++c) std::fill_n(&list_.centre[c][length], padding, 0.0f);
    std::fill_n(&list_.mass[length], padding, 0.0f);
    if (group.count() > group_size) {  // equal points: same field, and no forces between them
      Field field = field_at(group.begin, group, length, false);
      field.z += group.count() - 1;
      for (std::int32_t i = group.begin; i < group.end; ++i) {
        if (wanted(i)) put(i, field);
      }
      return;
    }
    for (std::int32_t i = group.begin; i < group.end; ++i) {
      if (wanted(i)) put(i, field_at(i, group, length, same_));
    }
  }

  struct Field {
    double force[3] = {0.0, 0.0, 0.0};
    double z = 0.0;
  };

  bool wanted(std::int32_t i) const {
    return rows_.first <= target_.row[i] && target_.row[i] < rows_.last;
  }

  void put(std::int32_t i, const Field& field) {
    const index_t row = target_.row[i] - rows_.first;
    for (int c = 0; c < D; ++c) out_[row * D + c] = static_cast<float>(field.force[c]);
    if (row_z_) row_z_[row] = field.z;
    z_ += field.z;
  }

  Field field_at(std::int32_t i, const TreeNode& group, index_t length, bool within) const {
    Field field;
    Sums sums(target_, i);
    const float* source[D];
    if (within) {
      for (int c = 0; c < D; ++c) source[c] = &source_.coordinate[c][group.begin];
      const float* const there = masses.ones_then_zeros + group_size - group.count();
      const float* const other = masses.all_but_one + group_size - (i - group.begin);
      sums.add(kernel_, source, group.count(),
               [=](index_t k) { return Floats::load(there + k) * Floats::load(other + k); });
    }
    for (index_t begin = 0; begin < length; begin += chunk) {
      for (int c = 0; c < D; ++c) source[c] = &list_.centre[c][begin];
      const float* const mass = &list_.mass[begin];
      sums.add(kernel_, source, std::min(chunk, length - begin),
               [mass](index_t k) { return Floats::load(mass + k); });
      sums.flush(field);
    }
    sums.flush(field);
    return field;
  }

  // The sums for one target, in lanes.
  struct Sums {
    Floats y[D], force[3] = {Floats(0.0f), Floats(0.0f), Floats(0.0f)}, z = Floats(0.0f);

    Sums(const Tree& target, std::int32_t i) {
      for (int c = 0; c < D; ++c) y[c] = Floats(target.coordinate[c][i]);
    }

    template <class Mass>
    void add(const Kernel& kernel, const float* const* source, index_t count, Mass&& mass) {
      for (index_t k = 0; k < count; k += Floats::width) {
        Floats offset[D], distance(0.0f), kernel_force(0.0f);
        for (int c = 0; c < D; ++c) {
          offset[c] = y[c] - Floats::load(source[c] + k);
          distance = c == 0 ? offset[0] * offset[0] : multiply_add(offset[c], offset[c], distance);
        }
        const Floats m = mass(k);
        z = multiply_add(m, kernel(distance, kernel_force), z);
        kernel_force = kernel_force * m;
        for (int c = 0; c < D; ++c) force[c] = multiply_add(kernel_force, offset[c], force[c]);
      }
    }

    void flush(Field& field) {
      float sum[4];
      sums(force[0], force[1], force[2], z, sum);
      for (int c = 0; c < D; ++c) field.force[c] += sum[c];
      field.z += sum[3];
      force[0] = force[1] = force[2] = z = Floats(0.0f);
    }
  };

  const Tree& source_;
  const Tree& target_;
  const Kernel kernel_;
  const bool same_;
  const float theta_squared_;
  const RowRange rows_;
  float* const out_;
  double* const row_z_;
  TreeSources &deferred_, &queue_, &list_;
  std::vector<std::int32_t> &opened_, &opened_leaf_;
  index_t n_opened_ = 0, n_opened_leaf_ = 0;
  double z_ = 0.0;
};

// The largest nodes of at most `largest` points. Larger leaves are tasks, too.
index_t choose_tasks(const Tree& tree, std::vector<std::int32_t>& task) {
  const index_t largest = std::clamp(tree.n_points / 32, smallest_task, largest_task);
  const auto small = [largest](const TreeNode& node) {
    return node.count() <= largest || node.leaf();
  };
  index_t tasks = 0;
  const auto add = [&](std::int32_t k) {
    make_room(task, tasks + 1);
    task[tasks++] = k;
  };
  if (small(tree.node[0])) add(0);
  for (index_t k = 0; k < tree.n_nodes; ++k) {
    if (small(tree.node[k])) continue;
    for (std::int32_t child = tree.node[k].child; child < tree.node[k].child_end; ++child) {
      if (small(tree.node[child])) add(child);
    }
  }
  return tasks;
}

template <int D, class Kernel>
double run(const Tree& source, const Tree& target, const Kernel& kernel, double theta,
           RowRange rows, float* out, double* row_z, BarnesHutBuffers& buffers, int threads) {
  const index_t tasks = choose_tasks(target, buffers.task);
  threads = static_cast<int>(std::min<index_t>(threads, 1 + target.n_points / points_per_thread));
  make_room(buffers.task_z, tasks);
  if (static_cast<int>(buffers.walk.size()) < threads) buffers.walk.resize(threads);
  for_blocks(tasks, 1, threads, [&](index_t k, index_t, index_t, int worker) {
    Walker<D, Kernel> walker(source, target, kernel, theta, rows, out, row_z,
                             buffers.walk[worker]);
    buffers.task_z[k] = walker.run(buffers.task[k]);
  });
  double total = 0.0;
  for (index_t k = 0; k < tasks; ++k) total += buffers.task_z[k];
  return total;
}

}  // namespace

double barnes_hut(const Tree& source, const Tree& target, int d, double dof, double theta,
                  RowRange rows, float* out, double* row_z, BarnesHutBuffers& buffers,
                  int threads) {
  const index_t n_rows = rows.last - rows.first;
  if (n_rows == 0) return 0.0;
  if (source.n_points == 0) {  // no tree to walk, and no forces
    std::fill_n(out, n_rows * d, 0.0f);
    if (row_z) std::fill_n(row_z, n_rows, 0.0);
    return 0.0;
  }
  return with_small_dimension(d, [&](auto dimension) {
    constexpr int D = decltype(dimension)::value;
    if (dof == 1.0) {
      return run<D>(source, target, Cauchy{}, theta, rows, out, row_z, buffers, threads);
    }
    return run<D>(source, target, Student(dof), theta, rows, out, row_z, buffers, threads);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
