#include "components.hpp"

#include <stdexcept>
#include <utility>

#include "interrupt.hpp"

namespace hashlens {
namespace {

constexpr std::size_t kEdgesPerCheck = 65536;

std::int64_t read_once(const std::int64_t& value) {
  return static_cast<const volatile std::int64_t&>(value);
}

// A forest with one tree per component. Union by size with path halving keeps the trees so flat
// that finding a root takes a few steps at most, however the edges are ordered.
class Forest {
 public:
  explicit Forest(std::size_t nodes) : parents_(nodes, -1) {}

  std::int64_t root(std::int64_t node) {
    while (at(node) >= 0) {
      const std::int64_t parent = at(node);
      if (at(parent) < 0) return parent;
      node = at(node) = at(parent);
    }
    return node;
  }

  void join(std::int64_t a, std::int64_t b) {
    a = root(a);
    b = root(b);
    if (a == b) return;
    if (at(a) > at(b)) std::swap(a, b);
    at(a) += at(b);
    at(b) = a;
  }

 private:
  std::int64_t& at(std::int64_t node) { return parents_[static_cast<std::size_t>(node)]; }

  // The parent of a node; of a root, minus the number of nodes in its tree.
  std::vector<std::int64_t> parents_;
};

}  // namespace

std::vector<std::int64_t> connected_components(std::size_t nodes, const std::int64_t* first,
                                               const std::int64_t* second, std::size_t edges) {
  const auto exists = [nodes](std::int64_t node) {
    return node >= 0 && static_cast<std::size_t>(node) < nodes;
  };
  Forest forest(nodes);
  for (std::size_t e = 0; e < edges; ++e) {
    if (e % kEdgesPerCheck == 0) check_interrupt();
    // Read once: another thread may change the edges.
    const std::int64_t a = read_once(first[e]);
    const std::int64_t b = read_once(second[e]);
    if (!exists(a) || !exists(b)) {
      throw std::invalid_argument("an edge names a node that does not exist");
    }
    forest.join(a, b);
  }
  std::vector<std::int64_t> labels(nodes);
  std::vector<std::int64_t> label_of_root(nodes, -1);
  std::int64_t next = 0;
  for (std::size_t node = 0; node < nodes; ++node) {
    const std::int64_t root = forest.root(static_cast<std::int64_t>(node));
    std::int64_t& label = label_of_root[static_cast<std::size_t>(root)];
    if (label < 0) label = next++;
    labels[node] = label;
  }
  return labels;
}

}  // namespace hashlens
