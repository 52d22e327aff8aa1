// The decide functions: what one change does to the slots of a bucket, given a scan of them.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_DECIDE_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_DECIDE_H_

#include "protocol_model.h"

namespace protocol {

constexpr u8 kCopyMark = 16;       // in Record::installs: a copy made by a relocation

inline u8 Bit(int n) { return static_cast<u8>(1u << n); }

inline bool IsLive(const State& s, const Record& lease, const Record* value) {
  if (lease.type != kLease || (s.expired & Bit(lease.token))) return false;
  if (s.actor[TokenOwner(lease.token)].dead || lease.epoch != s.epoch) return false;
  return value != nullptr ? lease.granted_over == value->version : lease.granted_over == 0;
}

// The slots of one key in a list of slot words with their records.
struct KeyView {
  int value = -1, lease = -1, empty = -1;
  const Record* value_record = nullptr;
};

inline KeyView ViewOf(const Slot* slots, const Record* records, int count, int key) {
  KeyView view;
  for (int i = 0; i < count; i++) {
    if (slots[i].loc == 0) {
      if (view.empty < 0) view.empty = i;
    } else if (records[i].key == key) {
      (records[i].type == kValue ? view.value : view.lease) = i;
    }
  }
  if (view.value >= 0) view.value_record = &records[view.value];
  return view;
}

inline KeyView ShownView(const Context& ctx, const State& s, int key, Record* records) {
  const Bucket& b = s.bucket[ctx.BucketOf(key)];
  for (int i = 0; i < ctx.scenario->slots; i++) records[i] = s.segment[b.slot[i].loc].rec;
  return ViewOf(b.slot, records, ctx.scenario->slots, key);
}

inline void Choose(Actor& q, IntentOp op, int index, int loc) {
  q.call.target_op = op;
  q.call.target = static_cast<u8>(index);
  q.call.target_loc = static_cast<u8>(loc);
}

// A run whose head leaves its slot is freed by whoever removed it. The list is taken before the
// commit: afterwards the head's segment may be reused at any time.
inline void NoteRemovedRun(const Context& ctx, const State& s, Actor& q) {
  Reset(q.free);
  if (q.call.target_op == kIdle || q.call.change == Change::kRelocate) return;
  const Record& r = q.call.record[q.call.target];
  const u8 head = q.call.seen[q.call.target].loc;
  if (head == 0 || r.type != kValue || r.parts == 0) return;
  FreeCall& f = q.free;
  f.bucket = q.call.bucket;
  if (q.call.change != Change::kEvict || ctx.Has(Bug::kPartListAfterCommit)) {
    f.seg[0] = head;
    f.gen[0] = s.segment[head].gen;
    f.count = 1;
  }
  if (ctx.Has(Bug::kPartListAfterCommit)) return;
  for (int k = 0; k < r.parts; k++) {
    f.seg[f.count] = r.part[k];
    f.gen[f.count++] = r.part_gen[k];
  }
}

// A slot for a key that has none: an empty one, else any victim but `keep`, a live lease only if
// there is nothing else. The victims beyond the first become forks.
inline bool ChooseRoom(Context& ctx, State& s, int p, const KeyView& view, int keep) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  if (view.empty >= 0) {
    Choose(q, kPut, view.empty, c.loc);
    return true;
  }
  int victims[kMaxSlots], count = 0;
  for (int pass = 0; pass < 2 && count == 0; pass++) {
    for (int i = 0; i < ctx.scenario->slots; i++) {
      const KeyView other = ViewOf(c.seen, c.record, ctx.scenario->slots, c.record[i].key);
      if (i != keep && (pass == 1 || !IsLive(s, c.record[i], other.value_record)))
        victims[count++] = i;
    }
  }
  for (int k = count - 1; k >= 0; k--) {
    Choose(q, kPut, victims[k], c.loc);
    NoteRemovedRun(ctx, s, q);
    q.at = At::kCommit;
    if (k > 0) ctx.forks.push_back(s);
  }
  return count > 0;
}

inline void DecideGrant(Context& ctx, State& s, int p, const KeyView& view) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  const bool usable = view.value_record && view.value_record->epoch == s.epoch;
  if (usable && ctx.OpOf(s, p).kind != OpKind::kRefresh) return;
  const bool dead = view.lease >= 0 && !IsLive(s, c.record[view.lease], view.value_record);
  if (view.lease >= 0 && !dead && !ctx.Has(Bug::kGrantOverLive)) return;
  Record& mine = s.segment[c.loc].rec;
  mine.epoch = s.epoch;
  mine.granted_over = view.value_record ? view.value_record->version : 0;
  const bool into_unusable = view.value >= 0 && !usable &&
                             (view.lease < 0 || ctx.Has(Bug::kGrantIntoUnusable));
  if (into_unusable) {
    mine.granted_over = 0;
    Choose(q, kPut, view.value, c.loc);
  } else if (view.lease >= 0 && !ctx.Has(Bug::kGrantBesideDead)) {
    Choose(q, kPut, view.lease, c.loc);
  } else {
    ChooseRoom(ctx, s, p, view, view.value);
  }
}

inline void DecidePublish(Context& ctx, State& s, int p, const KeyView& view) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  c.lost = 1;
  if (view.lease < 0 || c.record[view.lease].type != kLease) return;
  const Record& lease = c.record[view.lease];
  if (lease.token != q.token && !ctx.Has(Bug::kPublishAnyToken)) return;
  bool valid = view.value_record ? lease.granted_over == view.value_record->version
                                 : lease.granted_over == 0;
  if (ctx.Has(Bug::kPublishIgnoresGrantedOver)) valid = true;
  if (ctx.Has(Bug::kPublishWhenValueGone) && !view.value_record) valid = true;
  if (lease.epoch != s.epoch && !ctx.Has(Bug::kPublishIgnoresEpoch)) valid = false;
  if (!valid) {
    Choose(q, kRemove, view.lease, 0);
    return;
  }
  c.lost = 0;
  Record& mine = s.segment[c.loc].rec;
  mine.version = c.version;
  mine.epoch = ctx.Has(Bug::kPublishIgnoresEpoch) ? s.epoch : lease.epoch;
  c.second = view.value >= 0;
  Choose(q, kPut, view.value >= 0 ? view.value : view.lease, c.loc);
}

inline bool IsOutdated(const Record& value, int version) {
  return value.fleet == kSettledMark || (value.fleet != kPending && value.fleet < version);
}

// A lease granted over the removed value is void without it, so the value alone is removed here.
inline void DecideInvalidate(Context& ctx, const State& s, int p, Actor& q, const KeyView& view) {
  const Op& op = ctx.OpOf(s, p);
  if (view.value < 0) {
    const bool lease = view.lease >= 0 && q.call.record[view.lease].type == kLease;
    if (lease && !ctx.Has(Bug::kInvalidateLeavesLease)) Choose(q, kRemove, view.lease, 0);
    return;
  }
  bool outdated = IsOutdated(*view.value_record, op.fleet);
  if (ctx.Has(Bug::kInvalidateIgnoresVersion) && view.value_record->fleet != kPending) outdated = true;
  if (ctx.Has(Bug::kInvalidateIgnoresPending) && view.value_record->fleet == kPending) outdated = true;
  if (ctx.Has(Bug::kInvalidateKeepsVerdict) && q.verdict) outdated = true;
  q.verdict = outdated && ctx.Has(Bug::kInvalidateKeepsVerdict);
  q.call.kept = !outdated;
  if (!outdated) return;
  q.call.second = view.lease >= 0;
  Choose(q, kRemove, view.value, 0);
}

inline void DecideByLoc(Context& ctx, State& s, Actor& q) {
  BucketCall& c = q.call;
  const bool copy = c.change == Change::kRelocate;
  const u8 from = copy ? q.reclaim.seg : c.loc;
  const bool by_key = ctx.Has(copy ? Bug::kRelocateByKey : Bug::kEvictByKey);
  const Record& walked = s.segment[from].rec;
  for (int i = 0; i < ctx.scenario->slots; i++) {
    const bool found = by_key ? c.seen[i].loc && c.record[i].key == walked.key &&
                                    c.record[i].type == walked.type
                              : c.seen[i].loc == from;
    if (found) Choose(q, copy ? kPut : kRemove, i, copy ? c.loc : 0);
  }
}

inline void Decide(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  const int slots = ctx.scenario->slots;
  c.target_op = kIdle;
  c.second = c.lost = c.referenced = c.kept = 0;
  q.at = At::kConfirm;
  if (c.change == Change::kEvict || c.change == Change::kRelocate) {
    DecideByLoc(ctx, s, q);
  } else if (c.change == Change::kIsReferenced) {
    for (int i = 0; i < slots; i++) {
      const Record& r = c.record[i];
      if (c.seen[i].loc == 0) continue;
      if (c.seen[i].loc == c.loc) c.referenced = 1;
      for (int k = 0; k < r.parts; k++) {
        if (r.part[k] == c.loc && r.part_gen[k] == s.segment[c.loc].gen) c.referenced = 1;
      }
    }
  } else {
    const KeyView view = ViewOf(c.seen, c.record, slots, ctx.OpOf(s, p).key);
    const Record* lease = view.lease >= 0 ? &c.record[view.lease] : nullptr;
    const bool my_lease = lease && lease->type == kLease && lease->token == q.token;
    if (c.change == Change::kSet) {
      Record& mine = s.segment[c.loc].rec;
      mine.version = c.version;
      if (!ctx.Has(Bug::kSetStampsEpochEarly)) mine.epoch = s.epoch;
      c.second = view.value >= 0 && lease;
      const bool into_lease = lease && !ctx.Has(Bug::kSetLeavesLease);
      if (view.value >= 0) Choose(q, kPut, view.value, c.loc);
      else if (into_lease) Choose(q, kPut, view.lease, c.loc);
      else ChooseRoom(ctx, s, p, view, -1);
    } else if (c.change == Change::kGrant) {
      DecideGrant(ctx, s, p, view);
    } else if (c.change == Change::kPublish) {
      DecidePublish(ctx, s, p, view);
    } else if (c.change == Change::kDropVoidLease) {
      const bool any = ctx.Has(Bug::kDropAnyLease) ||
                       (ctx.Has(Bug::kInvalidateDropsAnyLease) && ctx.OpOf(s, p).kind == OpKind::kInvalidate);
      const bool drop = lease && (!IsLive(s, *lease, view.value_record) || any);
      if (drop) Choose(q, kRemove, view.lease, 0);
    } else if (c.change == Change::kDropToken) {
      if (my_lease) Choose(q, kRemove, view.lease, 0);
    } else if (c.change == Change::kFail) {
      if (my_lease) Choose(q, kPut, view.lease, c.loc);
    } else if (c.change == Change::kInvalidate) {
      DecideInvalidate(ctx, s, p, q, view);
    } else if (c.change == Change::kDelete) {
      if (view.value >= 0) Choose(q, kRemove, view.value, 0);
      else if (lease && !ctx.Has(Bug::kDeleteOnlyValue)) Choose(q, kRemove, view.lease, 0);
    }
  }
  if (c.change != Change::kIsReferenced) NoteRemovedRun(ctx, s, q);
  if (c.target_op != kIdle) q.at = At::kCommit;
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_DECIDE_H_
