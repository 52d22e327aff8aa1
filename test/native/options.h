// What the environment may change of a run: STRATA_TEST_SEED repeats one, STRATA_TEST_SCALE lengthens it.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "shm/clock.h"

namespace strata::test {

inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* given = getenv("STRATA_TEST_SEED");
    return given != nullptr ? strtoull(given, nullptr, 10) : PreciseNs() % 1000000007;
  }();
  return seed;
}

// Operations of a random test: fewer under a sanitizer.
inline uint64_t Scaled(uint64_t operations) {
  static const double scale = [] {
    const char* given = getenv("STRATA_TEST_SCALE");
    return given != nullptr ? strtod(given, nullptr) : 1.0;
  }();
#if defined(__SANITIZE_THREAD__)
  operations = operations > 100000 ? operations / 50 : operations / 10 + 1;
#elif defined(__SANITIZE_ADDRESS__)
  operations = operations > 100000 ? operations / 8 : operations / 4 + 1;
#endif
  return static_cast<uint64_t>(static_cast<double>(operations) * scale);
}

}  // namespace strata::test
