// Python bindings of the native kernels. The typed wrappers in hashlens.native say what is wrong
// with an argument; here whatever memory safety needs is checked again.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "components.hpp"
#include "histograms.hpp"
#include "interrupt.hpp"
#include "multi_index.hpp"
#include "scan.hpp"
#include "shells.hpp"

namespace nb = nanobind;
using namespace hashlens;

namespace {

using CodeArray = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using ByteArray = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using IdArray = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using NumpyArray = nb::ndarray<nb::numpy, T>;

// Hands the memory of a vector to numpy.
template <class Vector, class T = typename Vector::value_type>
NumpyArray<T> to_numpy(Vector&& values, std::initializer_list<std::size_t> shape) {
  auto* owned = new Vector(std::move(values));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<Vector*>(p); });
  return NumpyArray<T>(owned->data(), shape, owner);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

constexpr const char* kEnding =
    "The process is ending; no more searches or builds are carried out.";

// Returns whether a signal was raised whose handler raised an exception, such as KeyboardInterrupt.
bool poll_signals() {
  const nb::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0;
}

// Calls `run` without the interpreter lock. At an interrupt by the user, or once the process ends,
// it raises soon.
template <class Run>
auto without_lock(Run run) {
  try {
    // Ends after the lock was taken again: a thread that comes back to an interpreter that is gone
    // would abort the process.
    const Call call(poll_signals);
    const nb::gil_scoped_release release;
    auto result = run();
    check_interrupt();
    return result;
  } catch (const Interrupted&) {
    if (PyErr_Occurred()) throw nb::python_error();
    throw std::runtime_error(kEnding);
  }
}

constexpr int kMaxThreads = 1 << 20;

void check_threads(int threads) {
  require(threads >= 1 && threads <= kMaxThreads, "threads must be 1 to 2^20");
}

CodeView view_of(const CodeArray& codes) {
  CodeView view;
  view.codes = codes.data();
  view.count = codes.shape(0);
  view.bytes = static_cast<int>(codes.shape(1));
  require(view.bytes >= 1 && view.bytes <= kMaxBytes, "codes must have 1 to 64 bytes");
  return view;
}

RowView rows_of(std::size_t rows, const std::optional<IdArray>& ids, bool ascending,
                const std::optional<ByteArray>& blocked) {
  require(rows <= kMaxId + 1, "rows must be at most 2^54");
  RowView view;
  view.ascending = ascending;
  if (ids) {
    require(ids->shape(0) == rows, "ids must have an entry for each row");
    view.ids = ids->data();
  }
  if (blocked) {
    require(blocked->shape(0) >= (rows + 7) / 8, "blocked must have a bit for each row");
    view.blocked = blocked->data();
  }
  return view;
}

SearchLimits limits_of(std::optional<std::size_t> k, int radius, int bytes) {
  require(!k || (*k >= 1 && *k <= Neighbors::kMaxK), "k must be 1 to 2^31 - 1");
  require(radius >= 0 && radius <= 8 * bytes, "radius must be 0 to bits");
  return {k.value_or(Neighbors::kNoLimit), radius};
}

using Found =
    std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<std::int64_t>>;

// The neighbors of queries as rows of `width`, padded with -1.
struct Rows {
  std::size_t width;
  std::vector<std::int64_t> ids;
  std::vector<std::int32_t> distances;
  std::vector<std::int64_t> counts;

  Rows(const std::vector<std::vector<Key>>& found, std::size_t row_width) : width(row_width) {
    const std::size_t queries = found.size();
    if (width && queries > ids.max_size() / width) throw std::bad_alloc();
    ids.assign(queries * width, -1);
    distances.assign(queries * width, -1);
    counts.resize(queries);
    for (std::size_t q = 0; q < queries; ++q) {
      check_interrupt();
      counts[q] = static_cast<std::int64_t>(found[q].size());
      for (std::size_t i = 0; i < found[q].size(); ++i) {
        ids[q * width + i] = key_id(found[q][i]);
        distances[q * width + i] = key_distance(found[q][i]);
      }
    }
  }

  Found to_arrays() && {
    const std::size_t queries = counts.size();
    return {to_numpy(std::move(ids), {queries, width}),
            to_numpy(std::move(distances), {queries, width}),
            to_numpy(std::move(counts), {queries})};
  }
};

std::size_t longest(const std::vector<std::vector<Key>>& found) {
  std::size_t width = 0;
  for (const auto& keys : found) width = std::max(width, keys.size());
  return width;
}

Found scan_codes(const CodeArray& codes, const CodeArray& queries, std::optional<std::size_t> k,
                 int radius, const std::optional<IdArray>& ids, bool ascending,
                 const std::optional<ByteArray>& blocked, int threads, const std::string& level) {
  const CodeView view = view_of(codes);
  const RowView rows = rows_of(view.count, ids, ascending, blocked);
  require(queries.shape(1) == codes.shape(1), "queries must have as many bytes as codes");
  check_threads(threads);
  const SearchLimits limits = limits_of(k, radius, view.bytes);
  const Level chosen = parse_level(level);
  return without_lock([&] {
           const auto found = scan({view}, rows, queries.data(), queries.shape(0), limits, nullptr,
                                   threads, chosen);
           return Rows(found, k ? *k : longest(found));
         })
      .to_arrays();
}

std::pair<NumpyArray<std::int32_t>, NumpyArray<std::int32_t>> histograms(
    const CodeArray& queries, const CodeArray& database, const IdArray& query_labels,
    const IdArray& database_labels, int threads, const std::string& level) {
  const int bytes = static_cast<int>(database.shape(1));
  require(bytes >= 1 && bytes <= kMaxBytes, "codes must have 1 to 64 bytes");
  require(queries.shape(1) == database.shape(1), "queries must have as many bytes as codes");
  require(query_labels.shape(0) == queries.shape(0), "each query needs a label");
  require(database_labels.shape(0) == database.shape(0), "each code needs a label");
  check_threads(threads);
  const Level chosen = parse_level(level);
  const std::size_t width = 8 * database.shape(1) + 1;
  std::vector<std::int32_t> total(queries.shape(0) * width, 0);
  std::vector<std::int32_t> relevant(queries.shape(0) * width, 0);
  without_lock([&] {
    label_histograms({queries.data(), query_labels.data(), queries.shape(0)},
                     {database.data(), database_labels.data(), database.shape(0)}, bytes, threads,
                     chosen, total.data(), relevant.data());
    return true;
  });
  return {to_numpy(std::move(total), {queries.shape(0), width}),
          to_numpy(std::move(relevant), {queries.shape(0), width})};
}

NumpyArray<std::int64_t> components(std::size_t nodes, const IdArray& first,
                                    const IdArray& second) {
  require(first.shape(0) == second.shape(0), "each edge needs two nodes");
  std::vector<std::int64_t> labels = without_lock(
      [&] { return connected_components(nodes, first.data(), second.data(), first.shape(0)); });
  return to_numpy(std::move(labels), {nodes});
}

using OffsetArray = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using TableArrays = std::tuple<OffsetArray, CodeArray, OffsetArray>;

// A segment together with the arrays that it is a view of.
struct HeldSegment {
  Segment segment;
  std::size_t rows;
  std::size_t held_rows;  // that have a code
  OffsetArray group_starts, group_rows;
  std::vector<TableArrays> tables;

  HeldSegment(int key_bits, std::size_t first_row, std::size_t row_count, const OffsetArray& starts,
              const OffsetArray& grouped, const std::vector<TableArrays>& arrays)
      : rows(row_count), group_starts(starts), group_rows(grouped), tables(arrays) {
    require(!tables.empty(), "a segment needs a table");
    require(key_bits >= 1 && key_bits <= kMaxKeyBits, "key_bits must be 1 to 24");
    require(group_starts.shape(0) >= 1, "group_starts must not be empty");
    require(row_count < RowGroups::kGroupFlag, "a segment has fewer than 2^31 rows");
    require(first_row <= kMaxId, "first_row must be below 2^54");
    require(tables.size() <= kMaxBytes, "a segment has at most 64 tables");
    const CodeArray& codes = std::get<1>(tables[0]);
    segment.bytes = view_of(codes).bytes;
    segment.key_bits = key_bits;
    segment.unique = codes.shape(0);
    segment.first_row = first_row;
    require(segment.unique < RowGroups::kGroupFlag, "a segment has fewer than 2^31 codes");
    segment.groups = {nullptr,
                      group_starts.data(),
                      group_rows.data(),
                      group_starts.shape(0) - 1,
                      group_rows.shape(0),
                      row_count};
    require(static_cast<int>(tables.size()) * key_bits <= 8 * segment.bytes,
            "the keys of the tables must not overlap");
    for (const auto& [offsets, table_codes, refs] : tables) {
      require(offsets.shape(0) == (std::size_t{1} << key_bits) + 1, "a table lacks offsets");
      require(table_codes.shape(0) == segment.unique && table_codes.shape(1) == codes.shape(1) &&
                  refs.shape(0) == segment.unique,
              "tables of a segment must have one shape");
      segment.tables.push_back({offsets.data(), table_codes.data(), refs.data()});
    }
    held_rows = without_lock([&] { return check_segment(segment); });
  }
};

nb::tuple build_tables(const CodeArray& codes, const std::optional<OffsetArray>& rows, int tables,
                       int key_bits, int threads) {
  const CodeView view = view_of(codes);
  require(key_bits >= 1 && key_bits <= kMaxKeyBits, "key_bits must be 1 to 24");
  require(tables >= 1 && tables <= kMaxBytes && tables * key_bits <= 8 * view.bytes,
          "the keys of the tables must not overlap");
  check_threads(threads);
  if (rows) require(rows->shape(0) == view.count, "rows must have an entry for each code");
  BuiltSegment built = without_lock([&] {
    return build_segment(view.codes, view.count, view.bytes, rows ? rows->data() : nullptr, tables,
                         key_bits, threads);
  });
  nb::list list;
  for (BuiltTable& table : built.tables) {
    const std::size_t unique = table.refs.size(), offsets = table.offsets.size();
    list.append(nb::make_tuple(to_numpy(std::move(table.offsets), {offsets}),
                               to_numpy(std::move(table.codes), {unique, codes.shape(1)}),
                               to_numpy(std::move(table.refs), {unique})));
  }
  const std::size_t starts = built.group_starts.size(), grouped = built.group_rows.size();
  return nb::make_tuple(list, to_numpy(std::move(built.group_starts), {starts}),
                        to_numpy(std::move(built.group_rows), {grouped}));
}

nb::tuple unpack(const HeldSegment& held) {
  const auto bytes = static_cast<std::size_t>(held.segment.bytes);
  std::vector<std::uint8_t> codes, present;
  without_lock([&] {
    codes.assign(held.rows * bytes, 0);
    present.assign(held.rows, 0);
    unpack_segment(held.segment, codes.data(), present.data());
    return true;
  });
  return nb::make_tuple(to_numpy(std::move(codes), {held.rows, bytes}),
                        to_numpy(std::move(present), {held.rows}));
}

std::pair<Found, std::size_t> search_multi(const std::vector<const HeldSegment*>& segments,
                                           const CodeArray& recent, std::size_t rows,
                                           const CodeArray& queries, std::optional<std::size_t> k,
                                           int radius, const std::optional<IdArray>& ids,
                                           bool ascending, const std::optional<ByteArray>& blocked,
                                           double budget, int threads, const std::string& level) {
  MultiSearch index;
  index.recent = view_of(recent);
  require(recent.shape(0) <= rows, "rows must count the recent codes");
  index.recent.first_row = rows - recent.shape(0);
  index.rows = rows_of(rows, ids, ascending, blocked);
  require(budget >= 0, "budget must not be negative");
  for (const HeldSegment* held : segments) {
    require(held, "segments must not be None");
    require(held->segment.bytes == index.recent.bytes, "segments must have the bytes of codes");
    require(held->segment.first_row + held->rows <= index.recent.first_row,
            "a segment holds rows beyond those of the index");
    index.segments.push_back(&held->segment);
  }
  require(queries.shape(1) == recent.shape(1), "queries must have as many bytes as codes");
  check_threads(threads);
  const Level chosen = parse_level(level);
  const SearchLimits limits = limits_of(k, radius, index.recent.bytes);
  std::size_t finished = 0;
  Rows found = without_lock([&] {
    const ShellResults results =
        search_shells(index, queries.data(), queries.shape(0), limits, budget, threads, chosen);
    finished = results.finished;
    return Rows(results.found, k ? *k : longest(results.found));
  });
  return {std::move(found).to_arrays(), finished};
}

// Returns the positive integer that an environment variable holds, 0 where it is unset or empty, -1
// where it holds something else. Asked here because Python takes as long for it as a small search.
int positive_setting(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return *end || value < 1 || value > kMaxThreads ? -1 : static_cast<int>(value);
}

// Arrays of another dtype are refused, not converted.
auto array(const char* name) { return nb::arg(name).noconvert(); }
auto array_or_none(const char* name) { return nb::arg(name).noconvert().none(); }

std::vector<std::string> level_names() {
  std::vector<std::string> names;
  for (const Level level : available_levels()) names.emplace_back(level_name(level));
  return names;
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Compiled kernels of hashlens; use the typed wrappers in hashlens.native.";
  m.attr("MAX_ID") = static_cast<std::int64_t>(kMaxId);
  m.attr("MAX_K") = Neighbors::kMaxK;
  m.attr("COSTS") = nb::make_tuple(kProbeCost, kRangeCost, kRowCostPerByte, kScanCostPerByte);
  m.def("threads_of_scan", &threads_of_scan, nb::arg("codes"), nb::arg("queries"),
        nb::arg("threads"));
  m.def("threads_of_shells", &threads_of_shells, nb::arg("queries"), nb::arg("threads"));
  m.def("levels", &level_names, "Names of the kernel levels that this CPU runs, slowest first.");
  m.def("positive_setting", &positive_setting, nb::arg("name"));
  m.def("scan", &scan_codes, array("codes"), array("queries"), nb::arg("k").none(),
        nb::arg("radius"), array_or_none("ids"), nb::arg("ascending"), array_or_none("blocked"),
        nb::arg("threads"), nb::arg("level"));
  nb::class_<HeldSegment>(m, "Segment")
      .def(nb::init<int, std::size_t, std::size_t, const OffsetArray&, const OffsetArray&,
                    const std::vector<TableArrays>&>(),
           nb::arg("key_bits"), nb::arg("first_row"), nb::arg("rows"), array("group_starts"),
           array("group_rows"), array("tables"))
      .def_ro("held_rows", &HeldSegment::held_rows);
  m.def("build_tables", &build_tables, array("codes"), array_or_none("rows"), nb::arg("tables"),
        nb::arg("key_bits"), nb::arg("threads"));
  m.def("stop_calls", &stop_calls, nb::call_guard<nb::gil_scoped_release>(),
        "Refuses new calls, makes running ones raise soon, and returns once they have returned.");
  m.attr("stop_builds") = m.attr("stop_calls");
  m.def("unpack", &unpack, nb::arg("segment"));
  m.def("search_multi", &search_multi, nb::arg("segments"), array("recent"), nb::arg("rows"),
        array("queries"), nb::arg("k").none(), nb::arg("radius"), array_or_none("ids"),
        nb::arg("ascending"), array_or_none("blocked"), nb::arg("budget"), nb::arg("threads"),
        nb::arg("level"));
  m.def("connected_components", &components, nb::arg("nodes"), array("first"), array("second"));
  m.def("label_histograms", &histograms, array("queries"), array("database"), array("query_labels"),
        array("database_labels"), nb::arg("threads"), nb::arg("level"));
}
