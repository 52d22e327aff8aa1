// Ghost of the evicted: 4-way buckets of {fingerprint 16, stamp 16}. Plain relaxed stores; any content is
// harmless, so nothing in it is ever repaired.
#include "table/table.h"

namespace strata {

void Table::GhostInsert(uint64_t hash) {
  uint32_t sets = g_.ghost_count / 4;
  Atomic<uint32_t>* set = region_->ghost() + uint64_t{HashRange(hash * 0x9e3779b97f4a7c15u, sets)} * 4;
  uint32_t clock = region_->header().ghost_clock.fetch_add(1, kRelaxed);
  uint32_t unit = g_.ghost_count / 16384 + 1;  // so that stamps do not wrap within the ghost's memory
  auto stamp = static_cast<uint16_t>(clock / unit);
  uint16_t fingerprint = HashTag(hash) | 1;
  int oldest = 0;
  uint16_t oldest_age = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t word = set[i].load(kRelaxed);
    uint16_t age = word == 0 ? 0xffff : static_cast<uint16_t>(stamp - static_cast<uint16_t>(word));
    if ((word >> 16) == fingerprint || age >= oldest_age) {
      oldest = i;
      oldest_age = age;
      if ((word >> 16) == fingerprint) break;
    }
  }
  set[oldest].store(uint32_t{fingerprint} << 16 | stamp, kRelaxed);
}

bool Table::GhostTake(uint64_t hash) {
  uint32_t sets = g_.ghost_count / 4;
  Atomic<uint32_t>* set = region_->ghost() + uint64_t{HashRange(hash * 0x9e3779b97f4a7c15u, sets)} * 4;
  uint32_t unit = g_.ghost_count / 16384 + 1;
  auto now = static_cast<uint16_t>(region_->header().ghost_clock.load(kRelaxed) / unit);
  uint16_t fingerprint = HashTag(hash) | 1;
  uint64_t entries = region_->header().geometry.segment_count;
  static_cast<void>(entries);
  for (int i = 0; i < 4; i++) {
    uint32_t word = set[i].load(kRelaxed);
    if ((word >> 16) != fingerprint) continue;
    if (uint32_t{static_cast<uint16_t>(now - static_cast<uint16_t>(word))} * unit > g_.ghost_count) return false;
    set[i].store(0, kRelaxed);
    return true;
  }
  return false;
}

}  // namespace strata
