// Row filters on AVX2: eight or four codes at a time are checked against the bound, and only a
// group that holds a wanted code is looked at one by one.
#include "target.hpp"

#if HASHLENS_X86
#include <immintrin.h>

#include "hamming.hpp"
#include "kernels.hpp"

namespace hashlens::avx2 {
namespace {

// Returns the number of set bits of each byte.
HASHLENS_AVX2 HASHLENS_INLINE __m256i count_bytes(__m256i x) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
  const __m256i high =
      _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
  return _mm256_add_epi8(low, high);
}

HASHLENS_AVX2 HASHLENS_INLINE __m256i load(const std::uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

HASHLENS_AVX2 HASHLENS_INLINE __m256i load_halves(const std::uint8_t* low,
                                                  const std::uint8_t* high) {
  return _mm256_set_m128i(_mm_loadu_si128(reinterpret_cast<const __m128i*>(high)),
                          _mm_loadu_si128(reinterpret_cast<const __m128i*>(low)));
}

// Returns sums of pairs of 64-bit halves: of a in the even lanes, of b in the odd ones.
HASHLENS_AVX2 HASHLENS_INLINE __m256i add_halves(__m256i a, __m256i b) {
  return _mm256_add_epi8(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}

// Each length has a Group: how many codes it checks at once, and whether any is nearer than bound.
struct Group4 {  // 32 bits: eight codes a register
  static constexpr int kCodes = 8, kSpare = 0;
  __m256i query, bound;
  HASHLENS_AVX2 HASHLENS_INLINE Group4(const std::uint8_t* q, int b) {
    std::int32_t word;
    std::memcpy(&word, q, 4);
    query = _mm256_set1_epi32(word);
    bound = _mm256_set1_epi32(b);
  }
  HASHLENS_AVX2 HASHLENS_INLINE bool any(const std::uint8_t* codes) const {
    const __m256i counts = count_bytes(_mm256_xor_si256(load(codes), query));
    const __m256i pairs = _mm256_maddubs_epi16(counts, _mm256_set1_epi8(1));
    const __m256i sums = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    return _mm256_movemask_epi8(_mm256_cmpgt_epi32(bound, sums)) != 0;
  }
};

// How four codes of up to 64 bits, or two of up to 128, come into one register, each in lanes of
// its own. kSpare is how many more codes have to follow a group, because its last load reads beyond
// it.
struct Four8 {
  static constexpr int kBytes = 8, kSpare = 0;
  static HASHLENS_AVX2 HASHLENS_INLINE __m256i load_codes(const std::uint8_t* at) {
    return load(at);
  }
};

struct Four6 {
  static constexpr int kBytes = 6, kSpare = 1;
  static HASHLENS_AVX2 HASHLENS_INLINE __m256i load_codes(const std::uint8_t* at) {
    const __m256i apart = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 10, 11, -1, -1,  //
                                           0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 10, 11, -1, -1);
    return _mm256_shuffle_epi8(load_halves(at, at + 12), apart);
  }
};

struct Two16 {
  static constexpr int kBytes = 16, kSpare = 0;
  static HASHLENS_AVX2 HASHLENS_INLINE __m256i load_codes(const std::uint8_t* at) {
    return load(at);
  }
};

struct Two12 {
  static constexpr int kBytes = 12, kSpare = 1;
  static HASHLENS_AVX2 HASHLENS_INLINE __m256i load_codes(const std::uint8_t* at) {
    return _mm256_and_si256(load_halves(at, at + 12),
                            _mm256_setr_epi32(-1, -1, -1, 0, -1, -1, -1, 0));
  }
};

template <class Four>
struct GroupOfFours {  // up to 64 bits: four codes a register
  static constexpr int kCodes = 8, kSpare = Four::kSpare;
  __m256i query, bound;
  HASHLENS_AVX2 HASHLENS_INLINE GroupOfFours(const std::uint8_t* q, int b) {
    std::uint64_t word = 0;
    std::memcpy(&word, q, Four::kBytes);
    query = _mm256_set1_epi64x(static_cast<long long>(word));
    bound = _mm256_set1_epi32(b);
  }
  HASHLENS_AVX2 HASHLENS_INLINE __m256i sums(const std::uint8_t* codes) const {
    return _mm256_sad_epu8(count_bytes(_mm256_xor_si256(Four::load_codes(codes), query)),
                           _mm256_setzero_si256());
  }
  HASHLENS_AVX2 HASHLENS_INLINE bool any(const std::uint8_t* codes) const {
    const __m256i both =
        _mm256_or_si256(sums(codes), _mm256_slli_epi64(sums(codes + 4 * Four::kBytes), 32));
    return _mm256_movemask_epi8(_mm256_cmpgt_epi32(bound, both)) != 0;
  }
};

template <class Two>
struct GroupOfTwos {  // up to 128 bits: two codes a register
  static constexpr int kCodes = 8, kSpare = Two::kSpare;
  __m256i query, bound;
  HASHLENS_AVX2 HASHLENS_INLINE GroupOfTwos(const std::uint8_t* q, int b) {
    alignas(16) std::uint8_t padded[16] = {};
    std::memcpy(padded, q, Two::kBytes);
    query = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(padded)));
    bound = _mm256_set1_epi32(b);
  }
  HASHLENS_AVX2 HASHLENS_INLINE __m256i sums(const std::uint8_t* codes) const {
    const __m256i a = count_bytes(_mm256_xor_si256(Two::load_codes(codes), query));
    const __m256i b =
        count_bytes(_mm256_xor_si256(Two::load_codes(codes + 2 * Two::kBytes), query));
    return _mm256_sad_epu8(add_halves(a, b), _mm256_setzero_si256());
  }
  HASHLENS_AVX2 HASHLENS_INLINE bool any(const std::uint8_t* codes) const {
    const __m256i both =
        _mm256_or_si256(sums(codes), _mm256_slli_epi64(sums(codes + 4 * Two::kBytes), 32));
    return _mm256_movemask_epi8(_mm256_cmpgt_epi32(bound, both)) != 0;
  }
};

template <int Registers>
struct GroupWide {  // 256 bits a register, Registers of them a code
  static constexpr int kCodes = 4, kSpare = 0;
  __m256i query[Registers];
  __m256i bound;
  HASHLENS_AVX2 HASHLENS_INLINE GroupWide(const std::uint8_t* q, int b) {
    for (int i = 0; i < Registers; ++i) query[i] = load(q + 32 * i);
    bound = _mm256_set1_epi64x(b);
  }
  HASHLENS_AVX2 HASHLENS_INLINE __m256i counts(const std::uint8_t* code) const {
    __m256i sum = count_bytes(_mm256_xor_si256(load(code), query[0]));
    for (int i = 1; i < Registers; ++i) {
      sum = _mm256_add_epi8(sum, count_bytes(_mm256_xor_si256(load(code + 32 * i), query[i])));
    }
    return sum;
  }
  HASHLENS_AVX2 HASHLENS_INLINE bool any(const std::uint8_t* codes) const {
    constexpr int kStride = 32 * Registers;
    const __m256i a = add_halves(counts(codes), counts(codes + kStride));
    const __m256i b = add_halves(counts(codes + 2 * kStride), counts(codes + 3 * kStride));
    const __m256i low = _mm256_permute2x128_si256(a, b, 0x20);
    const __m256i high = _mm256_permute2x128_si256(a, b, 0x31);
    const __m256i sums = _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
    return _mm256_movemask_epi8(_mm256_cmpgt_epi64(bound, sums)) != 0;
  }
};

// How far ahead of the group at hand a stream of codes is fetched. The processor's own prefetcher
// stops at the end of each page and keeps too few lines on their way to use all of the bandwidth.
constexpr int kBytesAhead = 1024;

// Fetches past the second-level cache, which would only lose what it holds. The last fetches of a
// stream lie beyond its end, where they do nothing.
HASHLENS_AVX2 HASHLENS_INLINE void fetch_ahead(const std::uint8_t* at, int bytes) {
  for (int line = 0; line < bytes; line += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(at + kBytesAhead + line), _MM_HINT_NTA);
  }
}

template <class Group, int Bytes, bool Streamed>
HASHLENS_AVX2 std::size_t filter_rows(const std::uint8_t* codes, std::size_t count,
                                      const std::uint8_t* query, int, int bound, Near* out) {
  const Group group(query, bound);
  std::size_t found = 0;
  std::size_t row = 0;
  for (; row + Group::kCodes + Group::kSpare <= count; row += Group::kCodes) {
    if constexpr (Streamed) fetch_ahead(codes + row * Bytes, Group::kCodes * Bytes);
    if (!group.any(codes + row * Bytes)) continue;
    for (std::size_t r = row; r < row + Group::kCodes; ++r) {
      const int d = distance<HardwarePopcount, Bytes>(codes + r * Bytes, query, Bytes);
      out[found] = {static_cast<std::uint32_t>(r), d};
      found += d < bound;
    }
  }
  for (; row < count; ++row) {
    const int d = distance<HardwarePopcount, Bytes>(codes + row * Bytes, query, Bytes);
    out[found] = {static_cast<std::uint32_t>(row), d};
    found += d < bound;
  }
  return found;
}

template <class Group, int Bytes>
void use_group(Kernels& kernels) {
  kernels.filter_rows = filter_rows<Group, Bytes, false>;
  kernels.filter_stream = filter_rows<Group, Bytes, true>;
}

}  // namespace

Kernels kernels_for(int bytes) {
  Kernels kernels = popcnt::kernels_for(bytes);
  kernels.level = Level::kAvx2;
  switch (bytes) {
    case 4:
      use_group<Group4, 4>(kernels);
      break;
    case 6:
      use_group<GroupOfFours<Four6>, 6>(kernels);
      break;
    case 8:
      use_group<GroupOfFours<Four8>, 8>(kernels);
      break;
    case 12:
      use_group<GroupOfTwos<Two12>, 12>(kernels);
      break;
    case 16:
      use_group<GroupOfTwos<Two16>, 16>(kernels);
      break;
    case 32:
      use_group<GroupWide<1>, 32>(kernels);
      break;
    case 64:
      use_group<GroupWide<2>, 64>(kernels);
      break;
    default:
      break;
  }
  return kernels;
}

}  // namespace hashlens::avx2
#endif
