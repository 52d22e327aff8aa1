// Monotonic time of this boot. Wall time never decides expiry or order.
#pragma once

#include <time.h>

#include <cstdint>

namespace strata {

// Millisecond clock for expiry; lags by at most one kernel tick and costs no system call.
inline uint64_t CoarseMs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000 + static_cast<uint64_t>(t.tv_nsec) / 1000000;
}

inline uint64_t PreciseNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000 + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t WallMicroseconds() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace strata
