// What the table knows of copies of its entries on a disk: whose may be outdated, and whether some are being written.
//
// A change takes its hold before it commits and keeps it until the copy is gone; a reader of a copy looks for holds after
// it was granted the lease, so either it sees the hold, or the change sees and ends its lease. A holder that dies leaves
// its hold: for the rest of the region's life those few keys have no copies.
#include "table/table.h"

namespace strata {

void Table::UseDisk() {
  uint32_t none = kDiskNone;
  region_->header().has_disk.compare_exchange_strong(none, kDiskPartly, kRelaxed, kRelaxed);
  Fence(kSeqCst);  // SYNC(holds): copies are read and written only after this
}

void Table::Hold(const Key& key) {
  // SYNC(holds): acq_rel. Comes before the commit of the change, which whoever sees it has acquired.
  region_->holds()[key.hash & (g_.hold_count - 1)].fetch_add(1, kAcqRel);
}

void Table::Release(const Key& key) {
  auto& hold = region_->holds()[key.hash & (g_.hold_count - 1)];
  uint32_t count = hold.load(kRelaxed);
  // SYNC(holds): release. The copy is gone for whoever sees the slot free.
  while (count != 0 && !hold.compare_exchange_weak(count, count - 1, kAcqRel, kRelaxed)) {
  }
}

bool Table::IsHeld(const Key& key) const {
  return region_->holds()[key.hash & (g_.hold_count - 1)].load(kAcquire) != 0;  // SYNC(holds)
}

void Table::BeginSpill(uint32_t name) {
  region_->header().spilling.store(name, kRelaxed);
  Fence(kSeqCst);  // SYNC(spilling): the entries are read after this
}

void Table::EndSpill(uint32_t name) {
  // Another write may have begun since this one was complete.
  region_->header().spilling.compare_exchange_strong(name, 0, kAcqRel, kRelaxed);
}

bool Table::IsSpilling() const {
  Fence(kSeqCst);  // SYNC(spilling): the change comes before this look
  return region_->header().spilling.load(kAcquire) != 0;
}

}  // namespace strata
