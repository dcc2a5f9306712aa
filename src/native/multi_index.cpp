#include "multi_index.hpp"

#include <algorithm>
#include <memory>

#include "parallel.hpp"
#include "shells.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kQueriesPerTask = 4;

// Searches one query; returns whether its shells sufficed.
bool search_one(const MultiSearch& index, const std::uint8_t* query, double budget, int threads,
                const Kernels& kernels, SearchLimits limits, ShellSearch& shells, Neighbours& found,
                ShellCost& cost) {
  const CodeView& recent = index.recent;
  if (recent.count) {
    std::vector<Near> near(recent.count);
    const std::size_t hits = kernels.filter_rows(recent.codes, recent.count, query, recent.bytes,
                                                 found.bound(), near.data());
    for (std::size_t i = 0; i < hits; ++i) {
      offer_rows(recent.groups, near[i].row, recent.first_row, near[i].distance, index.rows,
                 limits.k, found);
    }
  }
  for (const Segment* segment : index.segments) {
    // A scan has all threads, the shells of a query only one.
    const double allowance = budget * shells.scan_cost(segment->unique) / threads;
    if (!shells.search(*segment, query, allowance, found, cost)) return false;
  }
  return true;
}

std::vector<CodeView> views_of(const MultiSearch& index) {
  std::vector<CodeView> views;
  for (const Segment* segment : index.segments) views.push_back(segment->view());
  if (index.recent.count) views.push_back(index.recent);
  return views;
}

}  // namespace

std::vector<std::vector<Key>> search_shells(const MultiSearch& index, const std::uint8_t* queries,
                                            std::size_t query_count, SearchLimits limits,
                                            double budget, int threads, Level level,
                                            ShellCost* costs) {
  const int bytes = index.recent.bytes;
  const auto stride = static_cast<std::size_t>(bytes);
  const Kernels kernels = kernels_for(level, bytes);
  const bool spread = query_count > 1;
  std::vector<std::vector<Key>> results(query_count);
  std::vector<int> reach(query_count, limits.radius);
  const std::size_t tasks =
      budget > 0 ? (query_count + kQueriesPerTask - 1) / kQueriesPerTask : std::size_t{0};
  if (tasks == 0) {
    for (std::size_t q = 0; q < query_count; ++q) costs[q].finished = false;
  }
  std::vector<std::unique_ptr<ShellSearch>> workers(static_cast<std::size_t>(threads));
  parallel_for(tasks, threads, [&](std::size_t task, int worker) {
    auto& shells = workers[static_cast<std::size_t>(worker)];
    if (!shells) shells = std::make_unique<ShellSearch>(index.rows, limits, level, bytes);
    const std::size_t last = std::min(query_count, (task + 1) * kQueriesPerTask);
    for (std::size_t q = task * kQueriesPerTask; q < last; ++q) {
      Neighbours found(limits.k, limits.radius, false);
      costs[q].finished = search_one(index, queries + q * stride, budget, spread ? 1 : threads,
                                     kernels, limits, *shells, found, costs[q]);
      if (costs[q].finished) {
        found.append_to(results[q]);
        keep_smallest(results[q], limits.k);
      } else
        reach[q] = found.bound() - 1;
    }
  });

  std::vector<std::size_t> left;
  for (std::size_t q = 0; q < query_count; ++q) {
    if (!costs[q].finished) left.push_back(q);
  }
  if (left.empty()) return results;
  std::vector<std::uint8_t> codes;
  std::vector<int> reaches;
  for (const std::size_t q : left) {
    codes.insert(codes.end(), queries + q * stride, queries + (q + 1) * stride);
    reaches.push_back(reach[q]);
  }
  auto found = scan(views_of(index), index.rows, codes.data(), left.size(), limits, reaches.data(),
                    threads, level);
  for (std::size_t i = 0; i < left.size(); ++i) results[left[i]] = std::move(found[i]);
  return results;
}

}  // namespace hashlens
