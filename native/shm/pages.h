// Pages of this process's memory, mapped before they are needed.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "shm/layout.h"

namespace strata {

// Makes what lies there writable without a page fault; its bytes stay. Kernels before 5.14 do nothing.
inline void MapAhead(void* from, size_t bytes) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE
  const auto address = reinterpret_cast<uintptr_t>(from), start = address & ~uintptr_t{kPage - 1};
  madvise(reinterpret_cast<void*>(start), bytes + (address - start), kPopulateWrite);
}

}  // namespace strata
