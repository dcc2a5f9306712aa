#include "kernels.hpp"

#include <stdexcept>

#include "target.hpp"

namespace hashlens {

std::vector<Level> available_levels() {
  std::vector<Level> levels{Level::kPortable};
#if HASHLENS_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("popcnt")) {
    levels.push_back(Level::kPopcnt);
    if (__builtin_cpu_supports("avx2")) levels.push_back(Level::kAvx2);
  }
#endif
  return levels;
}

const char* level_name(Level level) {
  switch (level) {
    case Level::kPopcnt: return "popcnt";
    case Level::kAvx2: return "avx2";
    default: return "portable";
  }
}

Level parse_level(const std::string& name) {
  static const std::vector<Level> levels = available_levels();
  if (name.empty()) return levels.back();
  std::string known;
  for (const Level level : levels) {
    if (name == level_name(level)) return level;
    known += (known.empty() ? "" : ", ") + std::string(level_name(level));
  }
  throw std::invalid_argument("This CPU has no kernels of level '" + name + "'; it has: " + known +
                              ".");
}

Kernels kernels_for(Level level, int bytes) {
#if HASHLENS_X86
  if (level == Level::kAvx2) return avx2::kernels_for(bytes);
  if (level == Level::kPopcnt) return popcnt::kernels_for(bytes);
#endif
  static_cast<void>(level);
  return portable::kernels_for(bytes);
}

}  // namespace hashlens
