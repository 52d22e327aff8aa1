// Named places where the kill harness ends or stops the process. Nothing in product builds.
//
// Each name marks an instant between two shared accesses whose interruption the protocol must bear
// (the kill table of docs/concurrency.md).
#pragma once

#define STRATA_KILL_POINTS(X)                                                              \
  X(record_written) X(record_committed) X(intent_committed) X(version_raised)             \
  X(slot_stored) X(intent_cleared) X(segment_taken) X(segment_sealed)                     \
  X(reclaim_claimed) X(reclaim_copied) X(reclaim_relocated) X(reclaim_evicted)            \
  X(reclaim_emptied) X(reclaim_gen_bumped) X(run_segment_taken) X(run_part_written)       \
  X(run_published) X(run_part_sealed) X(run_free_claimed) X(run_freed_one)                \
  X(lease_granted) X(lease_value_put) X(lease_removed) X(delete_first_removed)            \
  X(delete_version_taken) X(fence_committed)                                              \
  X(invalidate_removed) X(revalidate_read)                                                \
  X(thread_locked) X(thread_registered) X(reap_locked) X(reap_segment) X(reap_done)       \
  X(region_created) X(region_initialised) X(namespace_named) X(tag_cleared)                \
  X(quota_counted) X(quota_taken) X(quota_named) X(count_begun) X(count_stamped) X(count_summed)

// Those of the journal (the kill table of docs/journal.md), with a harness of their own.
#define STRATA_JOURNAL_KILL_POINTS(X)                                                      \
  X(lane_locked) X(lane_claimed) X(journal_filled) X(journal_written) X(journal_prepared) \
  X(journal_versioned) X(journal_committed) X(append_claimed) X(leader_locked)            \
  X(leader_elected) X(record_given_up) X(batch_chosen) X(record_superseded)               \
  X(orphan_versioned) X(op_number_taken) X(op_number_written) X(letters_dropped)          \
  X(letter_written) X(result_written) X(record_settled) X(acked_stored) X(settle_claimed) \
  X(adoption_judged) X(adoption_made)

namespace strata {

enum class KillPoint {
#define X(name) name,
  STRATA_KILL_POINTS(X)
  kCount,
  kBeforeJournal = kCount - 1,
  STRATA_JOURNAL_KILL_POINTS(X)
#undef X
  kEnd
};

#if defined(STRATA_TEST_KILL_POINTS)
void PassKillPoint(KillPoint point);  // defined by the harness
#define KILL_POINT(name) ::strata::PassKillPoint(::strata::KillPoint::name)
#else
#define KILL_POINT(name) static_cast<void>(0)
#endif

}  // namespace strata
