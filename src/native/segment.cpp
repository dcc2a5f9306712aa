#include "segment.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "interrupt.hpp"
#include "parallel.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kBucketsPerTask = 4096;
constexpr std::size_t kCodesPerCheck = 65536;
constexpr const char* kChanged = "the codes were changed while an index was built from them";

// Turns the counts of buckets into the offsets of the buckets: counts[b + 1] is the size of bucket
// b.
void accumulate(LargeArray<std::uint32_t>& counts) {
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
}

// Distributes codes and refs over the buckets of a key, keeping their order within a bucket.
// Another thread may change the codes between the two passes over them: then the buckets overflow,
// which must not end in a write beyond the table.
BuiltTable distribute(const std::uint8_t* codes, const std::uint32_t* refs, std::size_t count,
                      int bytes, int start, int key_bits) {
  const auto stride = static_cast<std::size_t>(bytes);
  BuiltTable table;
  table.offsets.assign((std::size_t{1} << key_bits) + 1, 0);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kCodesPerCheck == 0) check_interrupt();
    ++table.offsets[key_of(codes + i * stride, bytes, start, key_bits) + 1];
  }
  accumulate(table.offsets);
  LargeArray<std::uint32_t> next(table.offsets.begin(), table.offsets.end() - 1);
  table.codes.resize(count * stride);
  table.refs.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kCodesPerCheck == 0) check_interrupt();
    const std::uint8_t* code = codes + i * stride;
    const std::uint32_t at = next[key_of(code, bytes, start, key_bits)]++;
    if (at >= count) throw std::invalid_argument(kChanged);
    std::memcpy(table.codes.data() + at * stride, code, stride);
    table.refs[at] = refs ? refs[i] : static_cast<std::uint32_t>(i);
  }
  // Each bucket ends where the next begins, or places were left out.
  if (!std::equal(next.begin(), next.end(), table.offsets.begin() + 1)) {
    throw std::invalid_argument(kChanged);
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
    check_interrupt();
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
    if (b % kBucketsPerTask == 0) check_interrupt();
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

void unpack_segment(const Segment& segment, std::uint8_t* codes, std::uint8_t* present) {
  const auto stride = static_cast<std::size_t>(segment.bytes);
  const Table& table = segment.tables[0];
  const RowGroups groups = segment.groups.with_refs(table.refs);
  for (std::size_t i = 0; i < segment.unique; ++i) {
    if (i % kCodesPerCheck == 0) check_interrupt();
    groups.for_rows(table.refs[i], [&](std::size_t row) {
      std::memcpy(codes + row * stride, table.codes + i * stride, stride);
      present[row] = 1;
      return true;
    });
  }
}

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

void check_groups(const RowGroups& groups) {
  require(groups.starts[0] == 0, "the first group does not begin at 0");
  for (std::size_t g = 0; g < groups.count; ++g) {
    require(groups.starts[g] <= groups.starts[g + 1], "the starts of groups do not ascend");
  }
  require(groups.starts[groups.count] == groups.row_count, "the groups do not end with their rows");
  for (std::size_t i = 0; i < groups.row_count; ++i) {
    require(groups.rows[i] < groups.limit, "a group holds a row that does not exist");
  }
}

void check_offsets(const std::uint32_t* offsets, std::size_t buckets, std::size_t codes) {
  require(offsets[0] == 0, "the first bucket does not begin at 0");
  for (std::size_t b = 0; b < buckets; ++b) {
    require(offsets[b] <= offsets[b + 1], "the offsets of buckets do not ascend");
  }
  require(offsets[buckets] == codes, "the buckets do not end with the codes");
}

// Returns how many rows the codes have.
std::size_t check_refs(const RowGroups& groups, const std::uint32_t* refs, std::size_t codes) {
  std::size_t rows = 0;
  for (std::size_t i = 0; i < codes; ++i) {
    const std::uint32_t ref = refs[i];
    if (ref & RowGroups::kGroupFlag) {
      const std::uint32_t group = ref & ~RowGroups::kGroupFlag;
      require(group < groups.count, "a code names a group that does not exist");
      rows += groups.starts[group + 1] - groups.starts[group];
    } else {
      require(ref < groups.limit, "a code names a row that does not exist");
      ++rows;
    }
  }
  return rows;
}

}  // namespace

std::size_t check_segment(const Segment& segment) {
  check_groups(segment.groups);
  std::size_t rows = 0;
  for (const Table& table : segment.tables) {
    check_offsets(table.offsets, std::size_t{1} << segment.key_bits, segment.unique);
    const std::size_t rows_of_table = check_refs(segment.groups, table.refs, segment.unique);
    if (&table == &segment.tables[0]) rows = rows_of_table;
    require(rows_of_table == rows, "two tables hold different numbers of rows");
  }
  return rows;
}

}  // namespace hashlens
