// A libFuzzer target: a segment, as from a file, in which anything may be wrong. It may be refused
// or give wrong answers, but whether it is refused or not, no search may leave its arrays. Each
// array lies in a block of exactly its size, so that the address sanitizer tells.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "multi_index.hpp"

using namespace hashlens;

namespace {

// Takes numbers from the input; zeros once it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  bool is_empty() const { return at_ == end_; }

  template <class T>
  T take() {
    T value = 0;
    const std::size_t size = std::min(sizeof(T), static_cast<std::size_t>(end_ - at_));
    std::memcpy(&value, at_, size);
    at_ += size;
    return value;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

template <class T>
struct Block {
  std::unique_ptr<T[]> values;
  std::size_t size;

  template <class Array>
  explicit Block(const Array& from) : values(new T[from.size()]), size(from.size()) {
    std::copy(from.begin(), from.end(), values.get());
  }

  void set(std::size_t at, std::uint32_t value) {
    if (size) values[at % size] = static_cast<T>(value);
  }
};

struct TableBlocks {
  Block<std::uint32_t> offsets;
  Block<std::uint8_t> codes;
  Block<std::uint32_t> refs;
};

struct SegmentBlocks {
  std::vector<TableBlocks> tables;
  Block<std::uint32_t> group_starts, group_rows;
  Segment segment;

  SegmentBlocks(const BuiltSegment& built, int bytes, int key_bits, std::size_t rows)
      : group_starts(built.group_starts), group_rows(built.group_rows) {
    for (const BuiltTable& table : built.tables) {
      tables.push_back({Block<std::uint32_t>(table.offsets), Block<std::uint8_t>(table.codes),
                        Block<std::uint32_t>(table.refs)});
    }
    segment.bytes = bytes;
    segment.key_bits = key_bits;
    segment.unique = tables[0].refs.size;
    segment.groups = {nullptr,
                      group_starts.values.get(),
                      group_rows.values.get(),
                      group_starts.size - 1,
                      group_rows.size,
                      rows};
    for (const TableBlocks& table : tables) {
      segment.tables.push_back(
          {table.offsets.values.get(), table.codes.values.get(), table.refs.values.get()});
    }
  }

  void damage(Input& input) {
    const auto which = input.take<std::uint8_t>();
    const auto at = input.take<std::uint16_t>();
    std::uint32_t value = input.take<std::uint8_t>();
    if (value >= 200) value = input.take<std::uint32_t>();
    TableBlocks& table = tables[which / 8 % tables.size()];
    switch (which % 5) {
      case 0:
        return table.offsets.set(at, value);
      case 1:
        return table.codes.set(at, value);
      case 2:
        return table.refs.set(at, value);
      case 3:
        return group_starts.set(at, value);
      default:
        return group_rows.set(at, value);
    }
  }
};

void search(const Segment& segment, const std::vector<std::uint8_t>& query, std::size_t rows) {
  const std::vector<std::uint8_t> no_codes;
  const std::unique_ptr<std::uint8_t[]> blocked(new std::uint8_t[(rows + 7) / 8]());
  const std::unique_ptr<std::int64_t[]> ids(new std::int64_t[rows]());
  MultiSearch index{{&segment}, {no_codes.data(), 0, segment.bytes, rows, {}}, {}};
  index.rows = {ids.get(), false, blocked.get()};
  const Level level = available_levels().back();
  const int bits = 8 * segment.bytes;
  for (const double budget : {0.0, 0.3, 1e9}) {
    for (const SearchLimits limits :
         {SearchLimits{1, bits}, SearchLimits{200, bits}, SearchLimits{Neighbors::kNoLimit, 3}}) {
      search_shells(index, query.data(), query.size() / segment.bytes, limits, budget, 1, level);
    }
  }
  std::vector<std::uint8_t> codes(rows * segment.bytes), present(rows);
  unpack_segment(segment, codes.data(), present.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const int bytes = 1 + input.take<std::uint8_t>() % 9;
  const int tables = 1 + input.take<std::uint8_t>() % std::min(bytes, 3);
  const int key_bits = 1 + input.take<std::uint8_t>() % std::min(8 * bytes / tables, 9);
  const std::size_t rows = 1 + input.take<std::uint8_t>();
  const std::size_t distinct = 1 + input.take<std::uint8_t>();
  const int damages = input.take<std::uint8_t>() % 12;
  std::vector<std::uint8_t> codes;
  for (std::size_t i = 0; i < std::min(rows, distinct) * bytes; ++i) {
    codes.push_back(input.take<std::uint8_t>());
  }
  while (codes.size() < rows * bytes) codes.push_back(codes[codes.size() - distinct * bytes]);
  std::vector<std::uint8_t> query;
  for (int i = 0; i < 2 * bytes; ++i) query.push_back(input.take<std::uint8_t>());
  SegmentBlocks blocks(build_segment(codes.data(), rows, bytes, nullptr, tables, key_bits, 1),
                       bytes, key_bits, rows);
  for (int i = 0; i < damages; ++i) blocks.damage(input);
  try {
    if (check_segment(blocks.segment) != rows && !damages) __builtin_trap();
  } catch (const std::invalid_argument&) {
    if (!damages) __builtin_trap();
  }
  search(blocks.segment, query, rows);
  return 0;
}
