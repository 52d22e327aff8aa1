// CRC-32 as in zlib, eight bytes a step (slicing-by-8: Kounavis and Berry, 2005). For short bytes; the processor's own
// instructions are faster from some hundred bytes on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace strata {

inline constexpr auto kCrcTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ 0xedb88320u;
    tables[0][byte] = crc;
  }
  for (size_t i = 1; i < 8; i++) {
    for (size_t byte = 0; byte < 256; byte++) tables[i][byte] = tables[i - 1][byte] >> 8 ^ tables[0][tables[i - 1][byte] & 255];
  }
  return tables;
}();

inline constexpr uint32_t kCrcStart = ~0u;

// Goes on from `crc`, kCrcStart at first; the CRC-32 is the complement of what it is at last.
inline uint32_t CrcStep(uint32_t crc, const void* bytes, size_t count) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  const auto& t = kCrcTables;
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;  // little-endian, as all of shared memory
    std::memcpy(&word, at, 8);
    word ^= crc;
    crc = t[7][word & 255] ^ t[6][word >> 8 & 255] ^ t[5][word >> 16 & 255] ^ t[4][word >> 24 & 255] ^
          t[3][word >> 32 & 255] ^ t[2][word >> 40 & 255] ^ t[1][word >> 48 & 255] ^ t[0][word >> 56];
  }
  for (; count > 0; at++, count--) crc = t[0][(crc ^ *at) & 255] ^ crc >> 8;
  return crc;
}

}  // namespace strata
