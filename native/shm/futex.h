// Shared futex: sleeping on a word of the region until somebody in any process wakes it.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "base/atomic.h"

namespace strata {

// Returns when woken, when the word is not `seen`, after `timeout_ms`, or for no reason.
inline void FutexWait(Atomic<uint32_t>& word, uint32_t seen, uint32_t timeout_ms) {
  timespec timeout{static_cast<time_t>(timeout_ms / 1000), static_cast<long>(timeout_ms % 1000) * 1000000};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

inline void FutexWakeAll(Atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE, 0x7fffffff, nullptr, nullptr, 0);
}

}  // namespace strata
