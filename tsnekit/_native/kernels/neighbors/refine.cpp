#include "kernels/neighbors/refine.hpp"

#include "kernels/neighbors/searcher.hpp"

namespace tsnekit::TSNEKIT_ISA {
namespace {

// A link is dropped only if another link comes nearer by this factor (alpha in Jayaram Subramanya
// and others, 2019, "DiskANN"). The additional links make the search less likely to get stuck.
constexpr float slack = 1.2f;

template <RowMetric M>
void link_rows_m(const Rows& data, const FoundLists& lists, int reach, int degree,
                 std::int32_t* links, int threads) {
  const int most = (degree + 1) / 2;
  for_blocks(lists.n, searched_rows, threads, [&](index_t, index_t first, index_t last) {
    for (index_t i = first; i < last; ++i) {
      const std::int32_t* index = lists.index + i * lists.k;
      const float* distance = lists.distance + i * lists.k;
      std::int32_t* link = links + i * degree;
      int kept = 0;
      for (int c = 0; c < std::min(reach, lists.k) && kept < most && index[c] >= 0; ++c) {
        const float* x = data.data + index_t{index[c]} * data.d;
        const auto is_nearer = [&](std::int32_t row) {
          return slack * distance_between<M>(data.data + index_t{row} * data.d, x, data.d) <
                 distance[c];
        };
        if (std::none_of(link, link + kept, is_nearer)) link[kept++] = index[c];
      }
      std::fill(link + kept, link + degree, -1);
    }
  });

  std::vector<std::int32_t> chosen(static_cast<std::size_t>(lists.n)), used(chosen.size());
  for (index_t i = 0; i < lists.n; ++i) {
    int& size = used[static_cast<std::size_t>(i)];
    while (size < most && links[i * degree + size] >= 0) ++size;
  }
  chosen = used;
  for (int c = 0; c < most; ++c) {
    for (index_t i = 0; i < lists.n; ++i) {
      if (c >= chosen[static_cast<std::size_t>(i)]) continue;
      const std::int32_t row = links[i * degree + c];
      int& size = used[static_cast<std::size_t>(row)];
      if (size < degree) links[index_t{row} * degree + size++] = static_cast<std::int32_t>(i);
    }
  }
}

template <RowMetric M>
void follow_links_m(const Queries& queries, const Rows& data, const Links& links, int breadth,
                    const NeighborLists& lists, int threads) {
  for_blocks(lists.n, searched_rows, threads, [&](index_t, index_t first, index_t last) {
    Searcher<M> searcher(data, lists.k);
    for (index_t i = first; i < last; ++i) {
      const float* query = queries.data + i * data.d;
      List list(lists, i, searcher.followed());
      const index_t self = self_of(queries, i);
      searcher.start(self, list);
      const auto links_of = [&](index_t row) { return links.index + row * links.degree; };
      const int bytes = links.degree * static_cast<int>(sizeof(std::int32_t));
      if (self >= 0) searcher.propose(links_of(self), links.degree);
      do {
        const int reached = std::min(breadth, list.size());
        for (int c = 0; c < reached; ++c) {
          constexpr int ahead = 8;
          if (c + ahead < reached) prefetch(links_of(list.row(c + ahead)), bytes);
          if (list.follow(c)) searcher.propose(links_of(list.row(c)), links.degree);
        }
      } while (searcher.measure(query, list));
      list.fill_rest();
    }
  });
}

}  // namespace

void rank_candidates(const Queries& queries, const Rows& data, RowMetric metric,
                     const std::int32_t* candidates, int width, const NeighborLists& lists,
                     int threads) {
  with_metric(metric, [&](auto m) {
    rank_proposed<decltype(m)::value>(
        queries, data, lists, threads, [&](auto& searcher, index_t i) {
          for (index_t c = i * width; c < (i + 1) * width; ++c) {
            searcher.propose(candidates + c, 1);
          }
        });
  });
}

void link_rows(const Rows& data, RowMetric metric, const FoundLists& lists, int reach, int degree,
               std::int32_t* links, int threads) {
  with_metric(metric, [&](auto m) {
    link_rows_m<decltype(m)::value>(data, lists, reach, degree, links, threads);
  });
}

void follow_links(const Queries& queries, const Rows& data, RowMetric metric, const Links& links,
                  int breadth, const NeighborLists& lists, int threads) {
  with_metric(metric, [&](auto m) {
    follow_links_m<decltype(m)::value>(queries, data, links, breadth, lists, threads);
  });
}

}  // namespace tsnekit::TSNEKIT_ISA
