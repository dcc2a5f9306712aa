#include "kernels.hpp"

#include <stdexcept>

#include "target.hpp"

#if HASHLENS_X86
#include <cpuid.h>
#endif

namespace hashlens {

#if HASHLENS_X86
namespace {

// Asked of the processor itself: the compilers' built-in answers need a run-time library that not
// every toolchain links.
struct Cpu {
  bool popcnt = false;
  bool avx2 = false;

  Cpu() {
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return;
    popcnt = ecx & bit_POPCNT;
    const bool has_avx = (ecx & bit_OSXSAVE) && (ecx & bit_AVX);
    if (!has_avx || !saves_wide_registers()) return;
    avx2 = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_AVX2);
  }

  // Whether the operating system keeps the AVX registers of a thread.
  static bool saves_wide_registers() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
  }
};

}  // namespace
#endif

std::vector<Level> available_levels() {
  std::vector<Level> levels{Level::kPortable};
#if HASHLENS_X86
  const Cpu cpu;
  if (cpu.popcnt) levels.push_back(Level::kPopcnt);
  if (cpu.popcnt && cpu.avx2) levels.push_back(Level::kAvx2);
#endif
  return levels;
}

const char* level_name(Level level) {
  switch (level) {
    case Level::kPopcnt:
      return "popcnt";
    case Level::kAvx2:
      return "avx2";
    default:
      return "portable";
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
