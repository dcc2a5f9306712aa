// Connected components of an undirected graph, by union-find.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hashlens {

// Returns a label for each of `nodes` nodes; connected nodes share one. Labels count from 0 in the
// order of the components' smallest nodes. Edge e joins first[e] and second[e].
// Throws std::invalid_argument if an edge names a node that does not exist.
std::vector<std::int64_t> connected_components(std::size_t nodes, const std::int64_t* first,
                                               const std::int64_t* second, std::size_t edges);

}  // namespace hashlens
