// How many codes lie at each distance from each query, in all and with the query's label.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels.hpp"

namespace hashlens {

struct LabeledCodes {
  const std::uint8_t* codes;
  const std::int64_t* labels;
  std::size_t count;
};

// Fills `total` and `relevant`, both of shape (queries.count, 8 * bytes + 1) and zero before.
void label_histograms(LabeledCodes queries, LabeledCodes database, int bytes, int threads,
                      Level level, std::int32_t* total, std::int32_t* relevant);

}  // namespace hashlens
