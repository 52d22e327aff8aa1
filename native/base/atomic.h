// The only door to std::atomic, and copies in and out of memory that others write at the same time.
//
// Names of memory orders are shortened here so that every access can carry its order; which store
// pairs with which load is tagged SYNC(name) at both ends and listed in docs/concurrency.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace strata {

template <class T>
using Atomic = std::atomic<T>;

// Shared memory holds these words, so a lock hidden in a library would be private to one process.
static_assert(Atomic<uint64_t>::is_always_lock_free && sizeof(Atomic<uint64_t>) == 8);
static_assert(Atomic<uint32_t>::is_always_lock_free && sizeof(Atomic<uint32_t>) == 4);

inline constexpr auto kRelaxed = std::memory_order_relaxed;
inline constexpr auto kAcquire = std::memory_order_acquire;
inline constexpr auto kRelease = std::memory_order_release;
inline constexpr auto kAcqRel = std::memory_order_acq_rel;
inline constexpr auto kSeqCst = std::memory_order_seq_cst;

inline void Fence(std::memory_order order) { std::atomic_thread_fence(order); }

// BENIGN: record bytes may be overwritten while they are copied or compared. Every caller checks the
// segment's generation (readers) or the intent word (writers) afterwards and discards what it read.
// Under ThreadSanitizer both sides use relaxed atomic accesses, which is what the race would be if
// the language had an atomic memcpy.
#if defined(__SANITIZE_THREAD__)

inline void CopyShared(void* to, const void* from, size_t bytes) {
  auto* t = static_cast<uint8_t*>(to);
  auto* f = static_cast<const uint8_t*>(from);
  size_t i = 0;
  if ((reinterpret_cast<uintptr_t>(t) & 7) == 0 && (reinterpret_cast<uintptr_t>(f) & 7) == 0) {
    for (; i + 8 <= bytes; i += 8) {
      uint64_t word = __atomic_load_n(reinterpret_cast<const uint64_t*>(f + i), __ATOMIC_RELAXED);
      __atomic_store_n(reinterpret_cast<uint64_t*>(t + i), word, __ATOMIC_RELAXED);
    }
  }
  for (; i < bytes; i++) {
    __atomic_store_n(t + i, __atomic_load_n(f + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  }
}

inline bool EqualsShared(const void* shared, const void* own, size_t bytes) {
  auto* s = static_cast<const uint8_t*>(shared);
  auto* o = static_cast<const uint8_t*>(own);
  for (size_t i = 0; i < bytes; i++) {
    if (__atomic_load_n(s + i, __ATOMIC_RELAXED) != o[i]) return false;
  }
  return true;
}

#else

inline void CopyShared(void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

inline bool EqualsShared(const void* shared, const void* own, size_t bytes) {
  return std::memcmp(shared, own, bytes) == 0;
}

#endif

// One field of a record. Relaxed: what it means is decided by the checks named above.
template <class T>
inline T LoadField(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

template <class T>
inline void StoreField(T& field, T value) {
  __atomic_store_n(&field, value, __ATOMIC_RELAXED);
}

}  // namespace strata
