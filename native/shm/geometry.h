// From the wished size to the exact place of every part of the region: a pure function.
#pragma once

#include "base/status.h"
#include "shm/layout.h"

namespace strata {

struct RegionOptions {
  uint64_t memory_bytes = 64u << 20;  // size of the whole file
  uint32_t average_entry_bytes = 256;  // key and value; sizes the index
  uint32_t segment_bytes = 0;          // 0 = memory / 1024 within the limits
  bool has_disk = false;               // changes take holds from the first one on
};

// kBadOptions when fewer than kMinSegments segments would fit.
Status ComputeGeometry(const RegionOptions& options, Geometry* out);

// True if `g` is what some options give: recomputed, not believed.
bool IsConsistent(const Geometry& g);

inline constexpr uint32_t kMinSegments = 12;

}  // namespace strata
