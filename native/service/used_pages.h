// Maps into this process the pages others have filled, so that no read pays for a page fault. Pages nobody has used
// stay unmapped: a region that is half empty takes half the memory in the accounts of its processes.
#pragma once

#include <cstdint>
#include <vector>

#include "shm/region.h"

namespace strata {

class UsedPages {
 public:
  explicit UsedPages(const Region& region) : region_(region), is_mapped_(region.geometry().segment_count) {}

  // Maps one step's worth; false if nothing is left that was not mapped already.
  bool MapSome();

 private:
  const Region& region_;
  std::vector<bool> is_mapped_;  // by segment
  uint64_t tables_to_ = 0;       // what lies before the segments, up to here
  uint32_t next_ = 0;
  uint64_t seen_seals_ = 0;      // at the beginning of the last walk
};

}  // namespace strata
