// The block filter is the method of four Russians, in registers. A code is cut into pieces of four
// bits. For each piece, and each of the 16 values that a query can have there, one register holds
// the distances of 64 codes, two to a byte. These tables cost about 35 operations a code and are
// shared by all queries of a pass; with them a query spends one load and about two additions on a
// piece of 64 codes: a third of what counting bits would cost.
#include "block_filter.hpp"

#include <algorithm>

#include "target.hpp"

#if HASHLENS_X86
#include <immintrin.h>
#endif

namespace hashlens {
void block_pieces(const std::uint8_t* query, int bytes, std::uint8_t* pieces) {
  for (int i = 0; i < bytes; ++i) {
    pieces[2 * i] = static_cast<std::uint8_t>((query[i] & 15) * 4);
    pieces[2 * i + 1] = static_cast<std::uint8_t>((query[i] >> 4) * 4);
  }
}

#if HASHLENS_X86
namespace {

constexpr int kChunkBytes =
    16;                        // of a code at a time, so that its tables fit the first-level cache
constexpr int kRegister = 32;  // bytes
constexpr int kValues = 16;    // of a piece

struct alignas(64) Tables {
  std::uint8_t bytes[2 * kChunkBytes * kValues * kRegister];
};

HASHLENS_AVX2 HASHLENS_INLINE __m256i load_aligned(const void* at) {
  return _mm256_load_si256(static_cast<const __m256i*>(at));
}

// Turns 32 rows of 16 bytes into 16 columns of 32 bytes: four rounds that interleave the first half
// of the registers with the second.
HASHLENS_AVX2 void transpose(const std::uint8_t (*rows)[kChunkBytes], __m256i* columns) {
  __m256i from[kChunkBytes];
  for (int i = 0; i < kChunkBytes; ++i) {
    const auto* low = reinterpret_cast<const __m128i*>(rows[i]);
    const auto* high = reinterpret_cast<const __m128i*>(rows[i + 16]);
    from[i] = _mm256_set_m128i(_mm_load_si128(high), _mm_load_si128(low));
  }
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      columns[2 * i] = _mm256_unpacklo_epi8(from[i], from[i + 8]);
      columns[2 * i + 1] = _mm256_unpackhi_epi8(from[i], from[i + 8]);
    }
    if (round < 3) std::copy(columns, columns + kChunkBytes, from);
  }
}

// Writes the 16 registers of one piece. `nibbles` holds the piece of 64 codes, two to a byte.
HASHLENS_AVX2 HASHLENS_INLINE void write_piece(__m256i nibbles, std::uint8_t* table) {
  const __m256i one = _mm256_set1_epi8(0x11);
  // differs[b][v]: whether bit b of the piece differs from v, as a count of 0 or 1.
  __m256i differs[4][2];
  for (int b = 0; b < 4; ++b) {
    differs[b][0] = _mm256_and_si256(_mm256_srli_epi16(nibbles, b), one);
    differs[b][1] = _mm256_xor_si256(differs[b][0], one);
  }
  __m256i lower[4];
  for (int v = 0; v < 4; ++v) lower[v] = _mm256_add_epi8(differs[0][v & 1], differs[1][v >> 1]);
  for (int v = 0; v < 4; ++v) {
    const __m256i upper = _mm256_add_epi8(differs[2][v & 1], differs[3][v >> 1]);
    for (int w = 0; w < 4; ++w) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(table + (4 * v + w) * kRegister),
                         _mm256_add_epi8(upper, lower[w]));
    }
  }
}

// Fills the tables for Width bytes of up to 64 codes, which begin at `codes` and every `stride`.
template <int Width>
HASHLENS_AVX2 void fill_tables(const std::uint8_t* codes, std::size_t rows, std::size_t stride,
                               Tables& tables) {
  alignas(32) std::uint8_t chunk[kBlockRows][kChunkBytes] = {};
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(chunk[row], codes + row * stride, Width);
  }
  __m256i early[kChunkBytes], late[kChunkBytes];
  transpose(chunk, early);
  transpose(chunk + 32, late);
  const __m256i low = _mm256_set1_epi8(0x0f);
  for (int i = 0; i < Width; ++i) {
    const __m256i low_nibbles = _mm256_or_si256(
        _mm256_and_si256(early[i], low), _mm256_slli_epi16(_mm256_and_si256(late[i], low), 4));
    const __m256i high_nibbles = _mm256_or_si256(
        _mm256_and_si256(_mm256_srli_epi16(early[i], 4), low), _mm256_andnot_si256(low, late[i]));
    write_piece(low_nibbles, tables.bytes + 2 * i * kValues * kRegister);
    write_piece(high_nibbles, tables.bytes + (2 * i + 1) * kValues * kRegister);
  }
}

struct Distances {
  __m256i early, late;  // of rows 0..31 and 32..63, a byte each
};

HASHLENS_AVX2 HASHLENS_INLINE __m256i table_entry(const Tables& tables, int piece,
                                                  std::size_t value) {
  return load_aligned(tables.bytes + piece * kValues * kRegister + 8 * value);
}

struct Sums {
  __m256i both;  // early + 16 · late, modulo 256
  __m256i late;
};

// Adds up the table entries of pieces [Piece, Pieces), three at a time: so many fit four bits
// (3 · 4 = 12) before the two distances of a byte have to be kept apart. Written as a recursion,
// because compilers unroll the loop for some lengths only, and without that it is half as fast.
template <int Piece, int Pieces>
HASHLENS_AVX2 HASHLENS_INLINE void add_pieces(const Tables& tables, const std::uint8_t* pieces,
                                              Sums& sums) {
  if constexpr (Piece < Pieces) {
    __m256i few = table_entry(tables, Piece, pieces[Piece]);
    if constexpr (Piece + 1 < Pieces) {
      few = _mm256_add_epi8(few, table_entry(tables, Piece + 1, pieces[Piece + 1]));
    }
    if constexpr (Piece + 2 < Pieces) {
      few = _mm256_add_epi8(few, table_entry(tables, Piece + 2, pieces[Piece + 2]));
    }
    const __m256i low = _mm256_set1_epi8(0x0f);
    sums.both = _mm256_add_epi8(sums.both, few);
    sums.late = _mm256_add_epi8(sums.late, _mm256_and_si256(_mm256_srli_epi16(few, 4), low));
    add_pieces<Piece + 3, Pieces>(tables, pieces, sums);
  }
}

template <int Pieces>
HASHLENS_AVX2 HASHLENS_INLINE Distances add_up(const Tables& tables, const std::uint8_t* pieces) {
  Sums sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
  add_pieces<0, Pieces>(tables, pieces, sums);
  const __m256i shifted =
      _mm256_andnot_si256(_mm256_set1_epi8(0x0f), _mm256_slli_epi16(sums.late, 4));
  return {_mm256_sub_epi8(sums.both, shifted), sums.late};
}

HASHLENS_AVX2 HASHLENS_INLINE std::uint64_t rows_within(Distances distances, std::uint8_t limit) {
  const __m256i most = _mm256_set1_epi8(static_cast<char>(limit));
  const __m256i early = _mm256_cmpeq_epi8(_mm256_min_epu8(distances.early, most), distances.early);
  const __m256i late = _mm256_cmpeq_epi8(_mm256_min_epu8(distances.late, most), distances.late);
  const auto first = static_cast<std::uint32_t>(_mm256_movemask_epi8(early));
  const auto second = static_cast<std::uint32_t>(_mm256_movemask_epi8(late));
  return first | static_cast<std::uint64_t>(second) << 32;
}

HASHLENS_INLINE std::uint64_t first_rows(std::size_t rows) {
  return rows == kBlockRows ? ~std::uint64_t{0} : (std::uint64_t{1} << rows) - 1;
}

// Codes of up to 16 bytes: one set of tables, and distances of at most 128.
template <int Bytes>
HASHLENS_AVX2 std::size_t filter_short(const std::uint8_t* codes, std::size_t rows, int,
                                       const BlockQueries& queries, std::uint8_t*, BlockHit* out) {
  Tables tables;
  fill_tables<Bytes>(codes, rows, Bytes, tables);
  const std::uint64_t present = first_rows(rows);
  std::size_t found = 0;
  for (std::size_t q = 0; q < queries.count; ++q) {
    const Distances sums = add_up<2 * Bytes>(tables, queries.pieces + q * 2 * Bytes);
    const std::uint64_t near = rows_within(sums, queries.limits[q]) & present;
    out[found] = {static_cast<std::uint32_t>(q), near};
    found += near != 0;
  }
  return found;
}

// Adds the distances in the Bytes bytes from `first` on to those in `partial`, (queries, 64) bytes
// that stop at 255.
template <int Bytes>
HASHLENS_AVX2 void add_chunk(const std::uint8_t* codes, std::size_t rows, int bytes, int first,
                             const BlockQueries& queries, std::uint8_t* partial) {
  Tables tables;
  fill_tables<Bytes>(codes + first, rows, static_cast<std::size_t>(bytes), tables);
  const std::uint8_t* pieces = queries.pieces + 2 * first;
  for (std::size_t q = 0; q < queries.count; ++q, pieces += 2 * bytes) {
    const Distances sums = add_up<2 * Bytes>(tables, pieces);
    auto* at = reinterpret_cast<__m256i*>(partial + q * kBlockRows);
    _mm256_storeu_si256(at, _mm256_adds_epu8(_mm256_loadu_si256(at), sums.early));
    _mm256_storeu_si256(at + 1, _mm256_adds_epu8(_mm256_loadu_si256(at + 1), sums.late));
  }
}

using AddChunk = void (*)(const std::uint8_t*, std::size_t, int, int, const BlockQueries&,
                          std::uint8_t*);
constexpr AddChunk kAddChunk[kChunkBytes + 1] = {
    nullptr,       add_chunk<1>,  add_chunk<2>,  add_chunk<3>,  add_chunk<4>,  add_chunk<5>,
    add_chunk<6>,  add_chunk<7>,  add_chunk<8>,  add_chunk<9>,  add_chunk<10>, add_chunk<11>,
    add_chunk<12>, add_chunk<13>, add_chunk<14>, add_chunk<15>, add_chunk<16>};

// Codes of any length, 16 bytes at a time.
HASHLENS_AVX2 std::size_t filter_long(const std::uint8_t* codes, std::size_t rows, int bytes,
                                      const BlockQueries& queries, std::uint8_t* scratch,
                                      BlockHit* out) {
  std::memset(scratch, 0, block_scratch(queries.count));
  for (int first = 0; first < bytes; first += kChunkBytes) {
    const int width = std::min(kChunkBytes, bytes - first);
    kAddChunk[width](codes, rows, bytes, first, queries, scratch);
  }
  const std::uint64_t present = first_rows(rows);
  std::size_t found = 0;
  for (std::size_t q = 0; q < queries.count; ++q) {
    const auto* at = reinterpret_cast<const __m256i*>(scratch + q * kBlockRows);
    const Distances sums{_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
    const std::uint64_t near = rows_within(sums, queries.limits[q]) & present;
    out[found] = {static_cast<std::uint32_t>(q), near};
    found += near != 0;
  }
  return found;
}

}  // namespace
#endif

FilterBlock block_filter_for(Level level, int bytes) {
#if HASHLENS_X86
  if (level == Level::kAvx2) {
    switch (bytes) {
      case 4:
        return filter_short<4>;
      case 6:
        return filter_short<6>;
      case 8:
        return filter_short<8>;
      case 12:
        return filter_short<12>;
      case 16:
        return filter_short<16>;
      default:
        return filter_long;
    }
  }
#endif
  static_cast<void>(level);
  static_cast<void>(bytes);
  return nullptr;
}

}  // namespace hashlens
