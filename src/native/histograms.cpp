#include "histograms.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "interrupt.hpp"
#include "parallel.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kQueriesPerTask = 16;
constexpr std::size_t kBytesPerBlock = 128 * 1024;  // of codes: what the second-level cache keeps

// The database ordered by label, so that the codes of a label are neighbors in memory and the
// histogram of relevant codes needs no comparison of labels in the inner loop.
class ByLabel {
 public:
  ByLabel(LabeledCodes database, int bytes) : labels_(database.count) {
    // Sorting labels that another thread changes would not be safe.
    const std::vector<std::int64_t> labels(database.labels, database.labels + database.count);
    std::vector<std::size_t> order(database.count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return labels[a] < labels[b]; });
    const auto stride = static_cast<std::size_t>(bytes);
    codes_.resize(database.count * stride);
    for (std::size_t row = 0; row < order.size(); ++row) {
      labels_[row] = labels[order[row]];
      std::memcpy(codes_.data() + row * stride, database.codes + order[row] * stride, stride);
    }
  }

  const std::uint8_t* codes() const { return codes_.data(); }

  // Returns the first row of the label and the row behind its last.
  std::pair<std::size_t, std::size_t> rows(std::int64_t label) const {
    const auto range = std::equal_range(labels_.begin(), labels_.end(), label);
    return {static_cast<std::size_t>(range.first - labels_.begin()),
            static_cast<std::size_t>(range.second - labels_.begin())};
  }

 private:
  std::vector<std::int64_t> labels_;
  std::vector<std::uint8_t> codes_;
};

}  // namespace

void label_histograms(LabeledCodes queries, LabeledCodes database, int bytes, int threads,
                      Level level, std::int32_t* total, std::int32_t* relevant) {
  const ByLabel sorted(database, bytes);
  const Kernels kernels = kernels_for(level, bytes);
  const auto stride = static_cast<std::size_t>(bytes);
  const std::size_t width = 8 * stride + 1;
  const std::size_t block = kBytesPerBlock / stride;
  const std::size_t tasks = (queries.count + kQueriesPerTask - 1) / kQueriesPerTask;
  parallel_for(tasks, threads, [&](std::size_t task, int) {
    const std::size_t first = task * kQueriesPerTask;
    const std::size_t last = std::min(queries.count, first + kQueriesPerTask);
    for (std::size_t row = 0; row < database.count; row += block) {
      check_interrupt();
      const std::size_t count = std::min(block, database.count - row);
      for (std::size_t q = first; q < last; ++q) {
        kernels.count_rows(sorted.codes() + row * stride, count, queries.codes + q * stride, bytes,
                           total + q * width);
      }
    }
    for (std::size_t q = first; q < last; ++q) {
      const auto [begin, end] = sorted.rows(queries.labels[q]);
      kernels.count_rows(sorted.codes() + begin * stride, end - begin, queries.codes + q * stride,
                         bytes, relevant + q * width);
    }
  });
}

}  // namespace hashlens
