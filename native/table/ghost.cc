// Ghost of the evicted: 4-way sets of {fingerprint 15, from main 1, stamp 16}. Plain relaxed stores; any content is
// harmless, so nothing in it is ever repaired.
#include <algorithm>

#include "table/table.h"

namespace strata {
namespace {

constexpr uint32_t Fingerprint(uint64_t hash) { return (static_cast<uint32_t>(hash) & 0x7fffu) | 1u; }

// Evictions per stamp: stamps must not wrap within twice the ghost's memory.
uint32_t StampUnit(uint32_t ghost_count) { return ghost_count / 16384 + 1; }

}  // namespace

Atomic<uint32_t>* Table::GhostSet(uint64_t hash) const {
  return region_->ghost() + uint64_t{HashRange(hash * 0x9e3779b97f4a7c15u, g_.ghost_count / 4)} * 4;
}

// How many records the table holds when full, as far as reclaims have shown.
uint32_t Table::CapacityInRecords() const {
  const uint64_t per_segment = region_->header().segment_records.load(kRelaxed);
  const uint64_t records = per_segment * g_.segment_count >> 8;
  return static_cast<uint32_t>(per_segment == 0 ? g_.ghost_count / 5 * 4 : std::clamp<uint64_t>(records, 64, 1u << 31));
}

void Table::GhostInsert(uint64_t hash, Queue from) {
  Atomic<uint32_t>* set = GhostSet(hash);
  const uint32_t clock = region_->header().ghost_clock.fetch_add(1, kRelaxed);
  const auto stamp = static_cast<uint16_t>(clock / StampUnit(g_.ghost_count));
  const uint32_t fingerprint = Fingerprint(hash);
  int chosen = 0;
  uint32_t chosen_age = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t word = set[i].load(kRelaxed);
    if (word >> 17 == fingerprint) {
      chosen = i;
      break;
    }
    const uint32_t age = word == 0 ? 0x10000 : static_cast<uint16_t>(stamp - static_cast<uint16_t>(word));
    if (age >= chosen_age) {
      chosen = i;
      chosen_age = age;
    }
  }
  set[chosen].store(fingerprint << 17 | (from == Queue::kMain ? 1u << 16 : 0u) | stamp, kRelaxed);
}

bool Table::GhostTake(uint64_t hash, Queue* from) {
  Atomic<uint32_t>* set = GhostSet(hash);
  const uint32_t unit = StampUnit(g_.ghost_count);
  const auto now = static_cast<uint16_t>(region_->header().ghost_clock.load(kRelaxed) / unit);
  for (int i = 0; i < 4; i++) {
    const uint32_t word = set[i].load(kRelaxed);
    if (word >> 17 != Fingerprint(hash)) continue;
    set[i].store(0, kRelaxed);
    const uint64_t age = uint64_t{static_cast<uint16_t>(now - static_cast<uint16_t>(word))} * unit;
    if (age * 5 > uint64_t{CapacityInRecords()} * 9) return false;  // older than 1.8 times the capacity
    *from = (word >> 16 & 1) != 0 ? Queue::kMain : Queue::kSmall;
    return true;
  }
  return false;
}

}  // namespace strata
