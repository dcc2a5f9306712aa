// Python bindings of the native kernels. Shapes and values are checked by the typed wrappers in
// hashlens.native; here only what memory safety needs is checked again.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "histograms.hpp"
#include "scan.hpp"

namespace nb = nanobind;
using namespace hashlens;

namespace {

using CodeArray = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using ByteArray = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using IdArray = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using NumpyArray = nb::ndarray<nb::numpy, T>;

// Hands the memory of a vector to numpy.
template <class T>
NumpyArray<T> to_numpy(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
  auto* owned = new std::vector<T>(std::move(values));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return NumpyArray<T>(owned->data(), shape, owner);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

CodeView view_of(const CodeArray& codes, const std::optional<IdArray>& ids, bool ascending,
                 const std::optional<ByteArray>& blocked) {
  CodeView view;
  view.codes = codes.data();
  view.count = codes.shape(0);
  view.bytes = static_cast<int>(codes.shape(1));
  view.ascending = ascending;
  require(view.bytes >= 1 && view.bytes <= kMaxBytes, "codes must have 1 to 64 bytes");
  if (ids) {
    require(ids->shape(0) == view.count, "ids must have an entry for each code");
    view.ids = ids->data();
  }
  if (blocked) {
    require(blocked->shape(0) >= (view.count + 7) / 8, "blocked must have a bit for each code");
    view.blocked = blocked->data();
  }
  return view;
}

using Found = std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<std::int64_t>>;

// Lays the neighbours out as rows of `width`, padded with -1.
Found to_rows(const std::vector<std::vector<Key>>& found, std::size_t width) {
  const std::size_t queries = found.size();
  std::vector<std::int64_t> ids(queries * width, -1);
  std::vector<std::int32_t> distances(queries * width, -1);
  std::vector<std::int64_t> counts(queries);
  for (std::size_t q = 0; q < queries; ++q) {
    counts[q] = static_cast<std::int64_t>(found[q].size());
    for (std::size_t i = 0; i < found[q].size(); ++i) {
      ids[q * width + i] = key_id(found[q][i]);
      distances[q * width + i] = key_distance(found[q][i]);
    }
  }
  return {to_numpy(std::move(ids), {queries, width}),
          to_numpy(std::move(distances), {queries, width}), to_numpy(std::move(counts), {queries})};
}

std::size_t longest(const std::vector<std::vector<Key>>& found) {
  std::size_t width = 0;
  for (const auto& keys : found) width = std::max(width, keys.size());
  return width;
}

Found scan_codes(const CodeArray& codes, const CodeArray& queries, std::optional<std::size_t> k,
                 int radius, const std::optional<IdArray>& ids, bool ascending,
                 const std::optional<ByteArray>& blocked, int threads, const std::string& level) {
  const CodeView view = view_of(codes, ids, ascending, blocked);
  require(queries.shape(1) == codes.shape(1), "queries must have as many bytes as codes");
  require(radius >= 0 && radius <= 8 * view.bytes, "radius must be 0 to bits");
  require(threads >= 1, "threads must be at least 1");
  const SearchLimits limits{k.value_or(Neighbours::kNoLimit), radius};
  const Level chosen = parse_level(level);
  std::vector<std::vector<Key>> found;
  {
    const nb::gil_scoped_release release;
    found = scan(view, queries.data(), queries.shape(0), limits, threads, chosen);
  }
  return to_rows(found, k ? *k : longest(found));
}

std::pair<NumpyArray<std::int32_t>, NumpyArray<std::int32_t>> histograms(
    const CodeArray& queries, const CodeArray& database, const IdArray& query_labels,
    const IdArray& database_labels, int threads, const std::string& level) {
  const int bytes = static_cast<int>(database.shape(1));
  require(bytes >= 1 && bytes <= kMaxBytes, "codes must have 1 to 64 bytes");
  require(queries.shape(1) == database.shape(1), "queries must have as many bytes as codes");
  require(query_labels.shape(0) == queries.shape(0), "each query needs a label");
  require(database_labels.shape(0) == database.shape(0), "each code needs a label");
  require(threads >= 1, "threads must be at least 1");
  const Level chosen = parse_level(level);
  const std::size_t width = 8 * database.shape(1) + 1;
  std::vector<std::int32_t> total(queries.shape(0) * width, 0);
  std::vector<std::int32_t> relevant(queries.shape(0) * width, 0);
  {
    const nb::gil_scoped_release release;
    label_histograms({queries.data(), query_labels.data(), queries.shape(0)},
                     {database.data(), database_labels.data(), database.shape(0)}, bytes, threads,
                     chosen, total.data(), relevant.data());
  }
  return {to_numpy(std::move(total), {queries.shape(0), width}),
          to_numpy(std::move(relevant), {queries.shape(0), width})};
}

std::vector<std::string> level_names() {
  std::vector<std::string> names;
  for (const Level level : available_levels()) names.emplace_back(level_name(level));
  return names;
}

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Compiled kernels of hashlens; use the typed wrappers in hashlens.native.";
  m.attr("MAX_ID") = static_cast<std::int64_t>(kMaxId);
  m.def("levels", &level_names, "Names of the kernel levels that this CPU runs, slowest first.");
  m.def("scan", &scan_codes, nb::arg("codes"), nb::arg("queries"), nb::arg("k").none(),
        nb::arg("radius"), nb::arg("ids").none(), nb::arg("ascending"), nb::arg("blocked").none(),
        nb::arg("threads"), nb::arg("level"));
  m.def("label_histograms", &histograms, nb::arg("queries"), nb::arg("database"),
        nb::arg("query_labels"), nb::arg("database_labels"), nb::arg("threads"), nb::arg("level"));
}
