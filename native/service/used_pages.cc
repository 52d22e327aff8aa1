#include "service/used_pages.h"

#include <algorithm>

namespace strata {
namespace {

constexpr uint64_t kStepBytes = 2u << 20;

}  // namespace

bool UsedPages::MapSome() {
  const Geometry& g = region_.geometry();
  // The first sealed segment tells that the region is in use; the tables are touched all over from then on.
  const uint64_t seals = region_.header().seal_sequence.load(kRelaxed);
  if (seals == 0) return false;
  if (tables_to_ < g.data_at) {
    region_.Prefault(tables_to_, std::min(kStepBytes, g.data_at - tables_to_));
    tables_to_ += kStepBytes;
    return true;
  }
  if (next_ == 0) {
    if (seals == seen_seals_) return false;
    seen_seals_ = seals;
  }
  for (uint64_t mapped = 0; next_ < g.segment_count && mapped < kStepBytes; next_++) {
    if (is_mapped_[next_]) continue;
    const SegmentWord word{region_.segments()[next_].state.load(kRelaxed)};
    if (word.state() != SegmentState::kSealed) continue;
    region_.Prefault(g.data_at + (uint64_t{next_} << g.segment_shift), uint64_t{1} << g.segment_shift);
    is_mapped_[next_] = true;
    mapped += uint64_t{1} << g.segment_shift;
  }
  if (next_ < g.segment_count) return true;
  next_ = 0;
  return false;
}

}  // namespace strata
