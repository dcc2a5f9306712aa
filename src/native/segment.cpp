#include "segment.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "parallel.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kBucketsPerTask = 4096;
constexpr std::size_t kCodesPerCheck = 65536;

std::atomic<bool> g_stopped{false};

void check_stopped() {
  if (g_stopped.load(std::memory_order_relaxed)) throw std::runtime_error("builds were stopped");
}

// Turns counts a bucket into the offsets of the buckets: counts[b + 1] is the size of bucket b.
void accumulate(LargeArray<std::uint32_t>& counts) {
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
}

// Distributes codes and refs over the buckets of a key, keeping their order within a bucket.
BuiltTable distribute(const std::uint8_t* codes, const std::uint32_t* refs, std::size_t count,
                      int bytes, int start, int key_bits) {
  const auto stride = static_cast<std::size_t>(bytes);
  BuiltTable table;
  table.offsets.assign((std::size_t{1} << key_bits) + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kCodesPerCheck == 0) check_stopped();
    ++table.offsets[key_of(codes + i * stride, bytes, start, key_bits) + 1];
  }
  accumulate(table.offsets);
  LargeArray<std::uint32_t> next(table.offsets.begin(), table.offsets.end() - 1);
  table.codes.resize(count * stride);
  table.refs.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kCodesPerCheck == 0) check_stopped();
    const std::uint8_t* code = codes + i * stride;
    const std::uint32_t at = next[key_of(code, bytes, start, key_bits)]++;
    std::memcpy(table.codes.data() + at * stride, code, stride);
    table.refs[at] = refs ? refs[i] : static_cast<std::uint32_t>(i);
  }
  return table;
}

std::uint64_t leading_bytes(const std::uint8_t* code, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | (i < bytes ? code[i] : 0);
  return value;
}

// Sorts one bucket lexicographically; equal codes keep their order, so their rows ascend.
class BucketSorter {
 public:
  explicit BucketSorter(int bytes) : bytes_(bytes), stride_(static_cast<std::size_t>(bytes)) {}

  void sort(std::uint8_t* codes, std::uint32_t* refs, std::size_t count) {
    if (count < 2) return;
    entries_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      entries_[i] = {leading_bytes(codes + i * stride_, bytes_), static_cast<std::uint32_t>(i)};
    }
    std::sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
      if (a.leading != b.leading) return a.leading < b.leading;
      if (bytes_ > 8) {
        const int order = std::memcmp(codes + a.at * stride_, codes + b.at * stride_, stride_);
        if (order) return order < 0;
      }
      return a.at < b.at;
    });
    codes_.assign(codes, codes + count * stride_);
    refs_.assign(refs, refs + count);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(codes + i * stride_, codes_.data() + entries_[i].at * stride_, stride_);
      refs[i] = refs_[entries_[i].at];
    }
  }

 private:
  struct Entry {
    std::uint64_t leading;
    std::uint32_t at;
  };
  int bytes_;
  std::size_t stride_;
  std::vector<Entry> entries_;
  std::vector<std::uint8_t> codes_;
  std::vector<std::uint32_t> refs_;
};

void sort_buckets(BuiltTable& table, int bytes, int threads) {
  const std::size_t buckets = table.offsets.size() - 1;
  const std::size_t tasks = (buckets + kBucketsPerTask - 1) / kBucketsPerTask;
  parallel_for(tasks, threads, [&](std::size_t task, int) {
    check_stopped();
    BucketSorter sorter(bytes);
    const std::size_t last = std::min(buckets, (task + 1) * kBucketsPerTask);
    for (std::size_t b = task * kBucketsPerTask; b < last; ++b) {
      const std::size_t begin = table.offsets[b];
      sorter.sort(table.codes.data() + begin * static_cast<std::size_t>(bytes),
                  table.refs.data() + begin, table.offsets[b + 1] - begin);
    }
  });
}

// Stores each run of equal codes once and moves its rows to a group.
void merge_equal(BuiltSegment& segment, int bytes) {
  BuiltTable& table = segment.tables[0];
  const auto stride = static_cast<std::size_t>(bytes);
  std::uint8_t* codes = table.codes.data();
  std::uint32_t kept = 0;
  segment.group_starts.assign(1, 0);
  for (std::size_t b = 0, at = 0; b + 1 < table.offsets.size(); ++b) {
    if (b % kBucketsPerTask == 0) check_stopped();
    const std::size_t end = table.offsets[b + 1];
    table.offsets[b] = kept;
    while (at < end) {
      std::size_t next = at + 1;
      while (next < end && !std::memcmp(codes + at * stride, codes + next * stride, stride)) ++next;
      std::uint32_t ref = table.refs[at];
      if (next > at + 1) {
        ref = static_cast<std::uint32_t>(segment.group_starts.size() - 1) | RowGroups::kGroupFlag;
        segment.group_rows.insert(segment.group_rows.end(),
                                  table.refs.begin() + static_cast<std::ptrdiff_t>(at),
                                  table.refs.begin() + static_cast<std::ptrdiff_t>(next));
        segment.group_starts.push_back(static_cast<std::uint32_t>(segment.group_rows.size()));
      }
      if (kept != at) std::memcpy(codes + kept * stride, codes + at * stride, stride);
      table.refs[kept++] = ref;
      at = next;
    }
  }
  table.offsets.back() = kept;
  table.codes.resize(kept * stride);
  table.refs.resize(kept);
  table.codes.shrink_to_fit();
  table.refs.shrink_to_fit();
}

}  // namespace

BuiltSegment build_segment(const std::uint8_t* codes, std::size_t count, int bytes,
                           const std::uint32_t* rows, int tables, int key_bits, int threads) {
  if (count >= RowGroups::kGroupFlag) {
    throw std::invalid_argument("a segment holds fewer than 2^31 codes");
  }
  BuiltSegment built;
  built.tables.resize(static_cast<std::size_t>(tables));
  built.tables[0] = distribute(codes, rows, count, bytes, 0, key_bits);
  sort_buckets(built.tables[0], bytes, threads);
  merge_equal(built, bytes);
  parallel_for(built.tables.size() - 1, threads, [&](std::size_t task, int) {
    const int start = static_cast<int>(task + 1) * 8 * bytes / tables;
    const BuiltTable& first = built.tables[0];
    built.tables[task + 1] = distribute(first.codes.data(), first.refs.data(), first.refs.size(),
                                        bytes, start, key_bits);
  });
  return built;
}

void stop_builds() { g_stopped = true; }

void unpack_segment(const Segment& segment, std::uint8_t* codes, bool* present) {
  const auto stride = static_cast<std::size_t>(segment.bytes);
  const Table& table = segment.tables[0];
  for (std::size_t i = 0; i < segment.unique; ++i) {
    const auto put = [&](std::uint32_t row) {
      std::memcpy(codes + row * stride, table.codes + i * stride, stride);
      present[row] = true;
    };
    const std::uint32_t ref = table.refs[i];
    if (!(ref & RowGroups::kGroupFlag)) {
      put(ref);
      continue;
    }
    const std::uint32_t group = ref & ~RowGroups::kGroupFlag;
    for (std::uint32_t at = segment.groups.starts[group]; at < segment.groups.starts[group + 1];
         ++at) {
      put(segment.groups.rows[at]);
    }
  }
}

void check_segment(const Segment& segment, std::size_t groups, std::size_t group_rows,
                   std::size_t rows) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
  };
  const std::uint32_t* starts = segment.groups.starts;
  for (std::size_t g = 0; g < groups; ++g) {
    require(starts[g] <= starts[g + 1], "the starts of groups do not ascend");
  }
  require(starts[groups] == group_rows, "the groups do not end with their rows");
  for (std::size_t i = 0; i < group_rows; ++i) {
    require(segment.groups.rows[i] < rows, "a group holds a row that does not exist");
  }
  const std::size_t buckets = std::size_t{1} << segment.key_bits;
  for (const Table& table : segment.tables) {
    require(table.offsets[0] == 0, "the first bucket does not begin at 0");
    for (std::size_t b = 0; b < buckets; ++b) {
      require(table.offsets[b] <= table.offsets[b + 1], "the offsets of buckets do not ascend");
    }
    require(table.offsets[buckets] == segment.unique, "the buckets do not end with the codes");
    for (std::size_t i = 0; i < segment.unique; ++i) {
      const std::uint32_t ref = table.refs[i];
      if (ref & RowGroups::kGroupFlag) {
        require((ref & ~RowGroups::kGroupFlag) < groups,
                "a code names a group that does not exist");
      } else {
        require(ref < rows, "a code names a row that does not exist");
      }
    }
  }
}

}  // namespace hashlens
