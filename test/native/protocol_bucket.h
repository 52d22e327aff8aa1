// One change of a bucket: scan, decide, commit through the intent word, help. Also the checks
// made at a commit and at a slot change.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_BUCKET_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_BUCKET_H_

#include <algorithm>

#include "protocol_decide.h"

namespace protocol {

// 0 = no value that a reader may return.
inline int ReadableValue(const Context& ctx, const State& s, int key) {
  Record records[kMaxSlots];
  const KeyView view = ShownView(ctx, s, key, records);
  return view.value_record && view.value_record->epoch == s.epoch ? view.value_record->a : 0;
}

inline void NoteInstant(const Context& ctx, State& s) {
  for (int p = 0; p < ctx.Actors(); p++) {
    Actor& q = s.actor[p];
    if (q.dead || q.at == At::kDone || q.at == At::kNextOp) continue;
    const Op& op = ctx.OpOf(s, p);
    if (op.kind == OpKind::kRead) q.read.acceptable |= Bit(ReadableValue(ctx, s, op.key));
    if (op.kind == OpKind::kDelete && !q.saw_absent) {
      Record records[kMaxSlots];
      const KeyView view = ShownView(ctx, s, op.key, records);
      q.saw_absent = view.value < 0 && view.lease < 0;
    }
  }
}

// What must hold between any two steps.
inline bool CheckInvariants(Context& ctx, const State& s) {
  for (int b = 0; b < ctx.scenario->buckets; b++) {
    int count[kMaxKeys][2] = {};
    for (int i = 0; i < ctx.scenario->slots; i++) {
      const int loc = s.bucket[b].slot[i].loc;
      if (loc == 0) continue;
      const Segment& g = s.segment[loc];
      const Record& r = g.rec;
      if (g.state == kFree || !g.committed || r.key == 0 || r.a != r.b)
        return ctx.Violate("a slot refers to an incomplete record");
      if (++count[r.key][r.type != kValue] > 1)
        return ctx.Violate(r.type == kValue ? "two values of one key" : "two leases of one key");
      for (int k = 0; k < r.parts; k++) {
        const Segment& part = s.segment[r.part[k]];
        if (part.state == kFree || part.gen != r.part_gen[k] || part.rec.a != r.a)
          return ctx.Violate("a reachable run lost a part");
      }
    }
  }
  return true;
}

inline void CheckCommit(Context& ctx, State& s, int p, const Intent& n) {
  Actor& q = s.actor[p];
  const Bucket& bucket = s.bucket[q.call.bucket];
  const Change change = q.call.change;
  if (change == Change::kEvict || change == Change::kRelocate) {
    const u8 from = change == Change::kEvict ? q.call.loc : q.reclaim.seg;
    if (bucket.slot[n.index].loc != from)
      ctx.Violate("a reclaimer changed the slot of another record");
    return;
  }
  const Op& op = ctx.OpOf(s, p);
  Record records[kMaxSlots];
  const KeyView view = ShownView(ctx, s, op.key, records);
  const Record* lease = view.lease >= 0 ? &records[view.lease] : nullptr;
  const Record& replaced = s.segment[bucket.slot[n.index].loc].rec;
  const Record& put = s.segment[n.loc].rec;
  if (change == Change::kSet) {
    s.ended |= s.granted[op.key];
    if (view.value == n.index && replaced.epoch > put.epoch)
      ctx.Violate("a set of an older epoch replaced a newer value");
  } else if (change == Change::kPublish && n.op == kPut) {
    if (lease == nullptr || lease->type != kLease || lease->token != q.token)
      ctx.Violate("a publish without its lease");
    if ((s.ended & Bit(q.token)) && put.epoch == s.epoch)
      ctx.Violate("a publish of an ended lease became readable");
  } else if (change == Change::kGrant) {
    if (lease != nullptr && IsLive(s, *lease, view.value_record))
      ctx.Violate("a lease was granted while another was live");
    s.granted[op.key] |= Bit(put.token);
  } else if (change == Change::kInvalidate) {
    s.ended |= s.granted[op.key];
    if (view.value == n.index && replaced.fleet == kPending)
      ctx.Violate("an invalidation removed a pending value");
    else if (view.value == n.index && !IsOutdated(replaced, op.fleet))
      ctx.Violate("an invalidation removed a newer value");
    else if (view.value >= 0 && view.value != n.index)
      ctx.Violate("an invalidation changed a slot beside the value");
  } else if (change == Change::kDropVoidLease) {
    if (lease != nullptr && IsLive(s, *lease, view.value_record))
      ctx.Violate("a clean-up removed a live lease");
  }
}

inline void CheckInstalled(Context& ctx, State& s, u8 loc) {
  Record& r = s.segment[loc].rec;
  const bool copy = r.installs & kCopyMark;
  if (++r.installs > (copy ? kCopyMark + 1 : 1)) ctx.Violate("a record was installed twice");
  if (r.type != kValue) return;
  u8& last = s.last_version[r.key];
  if (copy ? r.version < last : r.version <= last) ctx.Violate("a version did not rise");
  last = r.version;
}

inline void StartChange(Actor& q, Change change, int bucket, int loc) {
  Reset(q.call);
  q.call.change = change;
  q.call.bucket = static_cast<u8>(bucket);
  q.call.loc = static_cast<u8>(loc);
  q.at = At::kLoadIntent;
}

// Continues the operation whose change is through; defined with the operations.
void Resume(Context& ctx, State& s, int p);

inline void RestartScan(Actor& q) {
  BucketCall& c = q.call;
  const BucketCall old = c;
  Reset(c);
  c.change = old.change;
  c.bucket = old.bucket;
  c.loc = old.loc;
  if (c.change != Change::kIsReferenced) Reset(q.free);
  q.at = At::kLoadIntent;
}

inline void Help(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  Bucket& b = s.bucket[c.bucket];
  const Intent n = c.intent;
  bool through = false;
  switch (q.at) {
    case At::kHelpLoad:
      c.old_slot = b.slot[n.index];
      q.at = n.op == kPut ? At::kHelpVersion : At::kHelpCheck;
      break;
    case At::kHelpVersion:
      c.version = s.segment[n.loc].rec.version;
      q.at = At::kHelpCheck;
      break;
    case At::kHelpCheck:
      if (b.intent != n && !ctx.Has(Bug::kHelpWithoutRecheck)) through = true;
      else q.at = n.op == kPut ? At::kHelpMaxVersion : At::kHelpSlot;
      break;
    case At::kHelpMaxVersion:
      if (!ctx.Has(Bug::kNoMaxVersion)) b.max_version = std::max(b.max_version, c.version);
      q.at = At::kHelpSlot;
      break;
    case At::kHelpSlot: {
      Slot fresh = {n.op == kPut ? n.loc : u8{0}, n.seq};
      if (ctx.Has(Bug::kNoSlotSequence)) fresh.seq = 0;
      if (c.old_slot != fresh && b.slot[n.index] == c.old_slot) {
        b.slot[n.index] = fresh;
        if (n.op == kPut) CheckInstalled(ctx, s, n.loc);
        NoteInstant(ctx, s);
      }
      q.at = At::kHelpIdle;
      break;
    }
    default:
      if (b.intent == n) b.intent.op = kIdle;
      through = true;
  }
  if (!through) return;
  if (c.mine) Resume(ctx, s, p);
  else RestartScan(q);
}

inline void ChangeStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  BucketCall& c = q.call;
  Bucket& b = s.bucket[c.bucket];
  switch (q.at) {
    case At::kLoadIntent:
      c.intent = b.intent;
      q.at = At::kScanSlot;
      if (c.intent.op != kIdle && !ctx.Has(Bug::kIgnorePendingIntent)) q.at = At::kHelpLoad;
      break;
    case At::kScanSlot:
      c.seen[c.cursor] = b.slot[c.cursor];
      if (c.seen[c.cursor].loc != 0) q.at = At::kScanRecord;
      else if (++c.cursor == ctx.scenario->slots) q.at = At::kLoadMaxVersion;
      break;
    case At::kScanRecord:
      c.record[c.cursor] = s.segment[c.seen[c.cursor].loc].rec;
      q.at = ++c.cursor == ctx.scenario->slots ? At::kLoadMaxVersion : At::kScanSlot;
      break;
    case At::kLoadMaxVersion:
      c.version = b.max_version + 1;
      Decide(ctx, s, p);
      break;
    case At::kConfirm:
      if (b.intent == c.intent) Resume(ctx, s, p);
      else RestartScan(q);
      break;
    case At::kCommit: {
      if (b.intent != c.intent && !(ctx.Has(Bug::kCommitUnvalidated) && b.intent.op == kIdle))
        return RestartScan(q);
      c.intent = b.intent;
      const Intent n = {static_cast<u8>(c.intent.seq + 1), c.target_op, c.target, c.target_loc};
      CheckCommit(ctx, s, p, n);
      b.intent = c.intent = n;
      c.mine = 1;
      Reset(c.seen);
      Reset(c.record);
      q.at = At::kHelpLoad;
      break;
    }
    default:
      Help(ctx, s, p);
  }
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_BUCKET_H_
