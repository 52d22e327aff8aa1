// What L2 has to say about values here: outdated since a version, still right, or no longer known.
#include "table/bucket.h"
#include "table/rewrite.h"

namespace strata {

Invalidated Table::Invalidate(ThreadContext& t, const Key& key, uint64_t version,
                              const std::function<bool(uint64_t mark)>& settled) {
  Invalidated done = Invalidated::kAbsent;
  auto decide = [&](Bucket&, Scan& scan) -> Decision {
    const KeyState& k = scan.key;
    done = Invalidated::kAbsent;
    if (k.value_slot >= 0) {
      FleetBlock block{};  // a value without one has no version: anything is newer
      const bool has_block = k.value.fleet_bytes != 0 && LoadFleet(k.value_place, k.value, &block);
      // An unusable value is judged too: a lease granted over it is newer than it is.
      const bool is_kept = has_block && (block.is_pending() ? !settled(block.mark()) : block.word >= version);
      done = is_kept ? Invalidated::kKept : Invalidated::kRemoved;
      return is_kept ? Decision{} : Decision{Act::kRemove, k.value_slot, 0};
    }
    // The memo of a failed load is no load under way.
    if (k.lease_slot < 0 || k.lease.type != RecordType::kLease) return {};
    return {Act::kRemove, k.lease_slot, 0};
  };
  Outcome outcome = BucketOp(t, HashRange(key.hash, g_.bucket_count), &key, 0, decide);
  if (outcome.decision.act == Act::kNothing) return done;
  KILL_POINT(invalidate_removed);
  // With its value a lease granted over it is void; one granted since then is not, and stays.
  if (done == Invalidated::kRemoved) {
    t.Count(Counter::invalidations);
    RemoveStaleLease(t, key);
  }
  NotifyLeaseEnd(key);
  return done;
}

Status Table::Revalidated(ThreadContext& t, const Key& key, uint64_t version, uint32_t doubt, const Lives* lives) {
  bool is_done = false;
  Status status = Rewrite(t, key, true, [&](const Hit& hit, WriteOptions* options) {
    // The word of a pending value is above every version.
    if (hit.header.fleet_bytes == 0 || hit.fleet.word != version) return false;
    is_done = hit.fleet.doubt == doubt && lives == nullptr;
    if (is_done) return false;
    options->fleet.doubt = doubt;
    if (lives != nullptr) {
      options->soft_ms = lives->soft_ms;
      options->hard_ms = lives->hard_ms;
    }
    KILL_POINT(revalidate_read);
    return true;
  });
  if (is_done) status = Status::kOk;
  if (status == Status::kOk) t.Count(Counter::revalidations);
  return status;
}

uint32_t Table::RaiseDoubt() {
  auto& doubt = region_->header().doubt;
  // SYNC(doubt): release. A read that starts after this finds every older stamp doubtful.
  uint32_t next = doubt.fetch_add(1, kAcqRel) + 1;
  while (next == 0) next = doubt.fetch_add(1, kAcqRel) + 1;  // 0 stands for no block in L0's entries
  return next;
}

}  // namespace strata
