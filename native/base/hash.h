// Seeded 64-bit hash of (namespace, key): 16 bytes a step through a 64x64 -> 128 bit multiply.
//
// The high bits choose the bucket, the low 16 are the slot's tag. The seed is random per region, so
// an attacker who does not know it cannot aim keys at one bucket; and since the full key is always
// compared, a collision costs room in a bucket, never a wrong value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace strata {

inline uint64_t MultiplyFold(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t HashKey(uint64_t seed, uint32_t ns, const uint8_t* key, size_t bytes) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15u, kB = 0xd6e8feb86659fd93u, kC = 0xa0761d6478bd642fu;
  auto word = [](const uint8_t* p) { uint64_t v; std::memcpy(&v, p, 8); return v; };
  auto half = [](const uint8_t* p) { uint32_t v; std::memcpy(&v, p, 4); return uint64_t{v}; };
  // No factor may be known to who chooses the key: he could make it zero, and the other factor would not count.
  const uint64_t secret = MultiplyFold(seed ^ kC, kA);
  uint64_t h = seed ^ MultiplyFold(ns ^ kA, bytes ^ kB);
  size_t left = bytes;
  while (left > 16) {
    h = MultiplyFold(word(key) ^ secret, word(key + 8) ^ h);
    key += 16;
    left -= 16;
  }
  uint64_t a = 0, b = 0;
  if (left >= 8) {
    a = word(key);
    b = word(key + left - 8);
  } else if (left >= 4) {
    a = half(key);
    b = half(key + left - 4);
  } else if (left > 0) {
    a = (uint64_t{key[0]} << 16) | (uint64_t{key[left >> 1]} << 8) | key[left - 1];
  }
  return MultiplyFold(kC ^ bytes, MultiplyFold(a ^ secret, b ^ h) ^ seed);
}

// The same of long bytes, in three chains that the processor works on side by side.
inline uint64_t HashLong(uint64_t seed, const uint8_t* at, size_t bytes) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15u, kB = 0xd6e8feb86659fd93u, kC = 0xa0761d6478bd642fu;
  auto word = [](const uint8_t* p) { uint64_t v; std::memcpy(&v, p, 8); return v; };
  uint64_t a = seed, b = MultiplyFold(seed ^ kA, kB), c = MultiplyFold(seed ^ kB, kC);
  const uint64_t secret = MultiplyFold(seed ^ kC, kA);
  size_t left = bytes;
  for (; left > 48; at += 48, left -= 48) {
    a = MultiplyFold(word(at) ^ secret, word(at + 8) ^ a);
    b = MultiplyFold(word(at + 16) ^ secret, word(at + 24) ^ b);
    c = MultiplyFold(word(at + 32) ^ secret, word(at + 40) ^ c);
  }
  return HashKey(MultiplyFold(a ^ kA, b ^ secret) ^ c, static_cast<uint32_t>(bytes >> 6), at, left);
}

inline uint16_t HashTag(uint64_t hash) { return static_cast<uint16_t>(hash); }

// Maps the hash evenly onto [0, count) by its high bits (multiply-shift range reduction).
inline uint32_t HashRange(uint64_t hash, uint32_t count) {
  return static_cast<uint32_t>(((hash >> 32) * count) >> 32);
}

}  // namespace strata
