// The operations of a process and the life of a segment, one shared access at a time.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_

#include "protocol_bucket.h"

namespace protocol {

inline void FinishOp(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const Op& op = ctx.OpOf(s, p);
  if (op.kind == OpKind::kDelete) {
    if (!q.saw_absent) ctx.Violate("a delete returned, its key was never absent");
    s.ended |= s.granted[op.key];
  }
  const Actor old = q;
  Reset(q);
  q.op = old.op + 1;
  q.token = old.token;
  q.token_epoch = old.token_epoch;
  q.granted = old.granted;
  q.grants = old.grants;
  q.at = q.op < ctx.ScriptOf(p).size() ? At::kNextOp : At::kDone;
}

inline void Continue(Context& ctx, State& s, int p, After after);

inline void Retire(Actor& q, u8 seg, After then) {
  q.retire = seg;
  q.retire_then = then;
  q.at = At::kClearCommitted;
}

inline bool OwnerDead(const State& s, const Segment& g) {
  return (g.state == kActive || g.state == kReclaim) && s.actor[g.owner].dead;
}

inline void AimAt(const State& s, Actor& q, int seg, After then) {
  const Segment& g = s.segment[seg];
  q.reclaim = {static_cast<u8>(seg), g.state, g.owner, g.queue, 0, then};
  q.at = At::kSeize;
}

// Every segment that may be reclaimed is one alternative; false = there is none.
inline bool ChooseVictimSegment(Context& ctx, State& s, int p, After then) {
  int last = 0;
  for (int i = 1; i <= ctx.scenario->segments; i++) {
    const Segment& g = s.segment[i];
    if (!(g.state == kSealed && g.queue == kRecords) && !OwnerDead(s, g)) continue;
    if (last != 0) {
      AimAt(s, s.actor[p], last, then);
      ctx.forks.push_back(s);
    }
    last = i;
  }
  if (last != 0) AimAt(s, s.actor[p], last, then);
  return last != 0;
}

inline int FreeSegment(const Context& ctx, const State& s, int p) {
  const int count = ctx.scenario->segments;
  const int start = p * count / (ctx.Actors() + 1);
  for (int k = 0; k < count; k++) {
    const int i = 1 + (start + k) % count;
    if (s.segment[i].state == kFree) return i;
  }
  return 0;
}

inline void StartOp(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const Op& op = ctx.OpOf(s, p);
  const int bucket = ctx.BucketOf(op.key);
  switch (op.kind) {
    case OpKind::kPublish: case OpKind::kFail: case OpKind::kAbandon:
      if (!q.granted) return FinishOp(ctx, s, p);
      if (op.kind == OpKind::kAbandon) return StartChange(q, Change::kDropToken, bucket, 0);
      q.at = At::kTakeSegment;
      return;
    case OpKind::kSet: case OpKind::kAcquire: case OpKind::kRefresh:
      q.at = At::kTakeSegment;
      return;
    case OpKind::kDelete: StartChange(q, Change::kDelete, bucket, 0); break;
    case OpKind::kClear: q.at = At::kClear; return;
    case OpKind::kRead:
      q.read.epoch = s.epoch;
      q.at = At::kReadSlot;
      break;
    case OpKind::kReclaim:
      if (!ChooseVictimSegment(ctx, s, p, After::kOpEnd)) FinishOp(ctx, s, p);
      return;
    case OpKind::kJanitor:
      q.janitor_next = 1;
      q.at = At::kJanitorLook;
      return;
  }
  NoteInstant(ctx, s);
}

inline void StartFree(Context& ctx, State& s, int p, After then) {
  Actor& q = s.actor[p];
  FreeCall& f = q.free;
  if (f.count == 0) return Continue(ctx, s, p, then);
  if (ctx.Has(Bug::kPartListAfterCommit)) {
    const Record& r = s.segment[f.seg[0]].rec;
    for (int k = 0; k < r.parts; k++) {
      f.seg[f.count] = r.part[k];
      f.gen[f.count++] = r.part_gen[k];
    }
  }
  f.next = 0;
  f.then = then;
  q.at = At::kFreeSeize;
}

inline void Continue(Context& ctx, State& s, int p, After after) {
  Actor& q = s.actor[p];
  switch (after) {
    case After::kOpEnd: FinishOp(ctx, s, p); break;
    case After::kTakeSegment: Reset(q.reclaim); q.at = At::kTakeSegment; break;
    case After::kJanitorNext:
      Reset(q.reclaim);
      if (++q.janitor_next > ctx.scenario->segments) FinishOp(ctx, s, p);
      else q.at = At::kJanitorLook;
      break;
    case After::kSecondChange: {
      const Op& op = ctx.OpOf(s, p);
      StartChange(q, op.kind == OpKind::kSet ? Change::kDropVoidLease : Change::kDropToken,
                  ctx.BucketOf(op.key), 0);
      break;
    }
    case After::kSeal: q.at = At::kSeal; break;
    case After::kDeleteAgain:
      if (ctx.Has(Bug::kDeleteOneRound)) return FinishOp(ctx, s, p);
      StartChange(q, Change::kDelete, ctx.BucketOf(ctx.OpOf(s, p).key), 0);
      break;
    case After::kRetireVictim: Retire(q, q.reclaim.seg, q.reclaim.then); break;
    case After::kFreeNext:
      if (++q.free.next < q.free.count) {
        q.at = At::kFreeSeize;
      } else {
        const After then = q.free.then;
        Reset(q.free);
        Continue(ctx, s, p, then);
      }
  }
}

inline void Resume(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const BucketCall done = q.call;
  const bool changed = done.target_op != kIdle;
  Reset(q.call);
  switch (done.change) {
    case Change::kSet: case Change::kPublish: case Change::kGrant: case Change::kFail:
      q.granted = done.change == Change::kGrant && changed;
      if (q.granted) {
        q.token = s.segment[q.seg].rec.token;
        q.token_epoch = s.segment[q.seg].rec.epoch;
        q.grants++;
      }
      q.unused = !changed || done.lost;
      if (q.unused) {
        Reset(q.free);
        q.at = At::kDiscard;
      } else {
        StartFree(ctx, s, p, done.second ? After::kSecondChange : After::kSeal);
      }
      break;
    case Change::kDropVoidLease: q.at = At::kSeal; break;
    case Change::kDropToken:
      q.granted = 0;
      if (q.seg != 0) q.at = At::kSeal;
      else FinishOp(ctx, s, p);
      break;
    case Change::kDelete:
      if (changed) StartFree(ctx, s, p, After::kDeleteAgain);
      else FinishOp(ctx, s, p);
      break;
    case Change::kEvict: StartFree(ctx, s, p, After::kRetireVictim); break;
    case Change::kRelocate: q.at = changed ? At::kCopySeal : At::kCopyUndo; break;
    case Change::kIsReferenced:
      if (done.referenced && !ctx.Has(Bug::kSettleUnchecked)) q.at = At::kRestore;
      else Retire(q, q.free.seg[q.free.next], After::kFreeNext);
      break;
    case Change::kNone: break;
  }
}

inline void TakeSegmentStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const int i = FreeSegment(ctx, s, p);
  if (i != 0) {
    s.segment[i].state = kActive;
    s.segment[i].owner = static_cast<u8>(p);
    if (q.seg == 0) {
      q.seg = static_cast<u8>(i);
      q.at = ctx.OpOf(s, p).parts > 0 ? At::kTakeSegment : At::kWriteHeader;
    } else {
      q.part[q.parts++] = static_cast<u8>(i);
      q.at = At::kDescribePart;
    }
  } else if (!ChooseVictimSegment(ctx, s, p, After::kTakeSegment)) {
    q.unused = 1;
    if (q.seg != 0) q.at = At::kSeal;
    else FinishOp(ctx, s, p);
  }
}

inline void WriteStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const Op& op = ctx.OpOf(s, p);
  Segment& g = s.segment[q.seg];
  switch (q.at) {
    case At::kDescribePart: {
      Segment& part = s.segment[q.part[q.parts - 1]];
      Reset(part.rec);
      part.rec.a = op.value;
      part.queue = kRun;
      part.home = static_cast<u8>(ctx.BucketOf(op.key));
      if (ctx.Has(Bug::kPartsSealedEarly)) part.state = kSealed;
      q.at = q.parts < op.parts ? At::kTakeSegment : At::kWriteHeader;
      return;
    }
    case At::kWriteHeader: {
      const bool lease = op.kind == OpKind::kAcquire || op.kind == OpKind::kRefresh;
      const u8 a = g.rec.a, b = g.rec.b;
      g.queue = kRecords;
      Reset(g.rec);
      g.rec.key = op.key;
      g.rec.type = lease ? kLease : op.kind == OpKind::kFail ? kError : kValue;
      g.rec.epoch = s.epoch;
      if (op.kind == OpKind::kPublish || op.kind == OpKind::kFail) g.rec.token = q.token;
      if (lease) g.rec.token = static_cast<u8>(p * 2 + 1 + q.grants);
      g.rec.parts = q.parts;
      for (int k = 0; k < q.parts; k++) {
        g.rec.part[k] = q.part[k];
        g.rec.part_gen[k] = s.segment[q.part[k]].gen;
      }
      if (g.rec.type == kValue) {
        g.rec.a = a;
        g.rec.b = b;
        q.at = At::kWriteA;
        return;
      }
      g.committed = 1;
      StartChange(q, lease ? Change::kGrant : Change::kFail, ctx.BucketOf(op.key), q.seg);
      return;
    }
    case At::kWriteA:
      g.rec.a = op.value;
      q.at = At::kWriteB;
      return;
    default:
      g.rec.b = op.value;
      g.committed = 1;
      if (ctx.Has(Bug::kSealBeforePublish)) g.state = kSealed;
      StartChange(q, op.kind == OpKind::kSet ? Change::kSet : Change::kPublish,
                  ctx.BucketOf(op.key), q.seg);
  }
}

inline void SealStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  if (q.at == At::kSeal) {
    Segment& g = s.segment[q.seg];
    if (!q.unused && (g.rec.installs & ~kCopyMark) != 1)
      ctx.Violate("a change returned success, its record was never installed");
    g.state = kSealed;
  } else {
    s.segment[q.part[--q.parts]].state = kSealed;
  }
  if (q.parts > 0) q.at = At::kSealPart;
  else FinishOp(ctx, s, p);
}

inline void GiveBack(Segment& g) {
  g.committed = 0;
  g.gen++;
  g.state = kFree;
}

inline void ReclaimStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  ReclaimCall& c = q.reclaim;
  Segment& g = s.segment[c.seg];
  Segment& copy = s.segment[c.copy];
  const int home = ctx.BucketOf(g.rec.key);
  switch (q.at) {
    case At::kSeize: {
      if (g.state != c.expect_state || g.owner != c.expect_owner) {
        const After then = c.then;
        Continue(ctx, s, p, then);
        break;
      }
      g.state = kReclaim;
      g.owner = static_cast<u8>(p);
      const u8 queue = ctx.Has(Bug::kReclaimTrustsQueue) ? c.expect_queue : g.queue;
      q.at = At::kWalk;
      if (queue != kRun) break;
      q.free = {1, 0, {c.seg}, {g.gen}, g.home, c.then};
      StartChange(q, Change::kIsReferenced, g.home, c.seg);
      break;
    }
    case At::kWalk:
      if (!g.committed || ctx.Has(Bug::kReclaimWithoutEvict)) {
        Retire(q, c.seg, c.then);
        break;
      }
      if (ctx.scenario->relocate && FreeSegment(ctx, s, p) != 0) {
        ctx.forks.push_back(s);
        ctx.forks.back().actor[p].at = At::kCopyTake;
      }
      StartChange(q, Change::kEvict, home, c.seg);
      break;
    case At::kCopyTake: {
      const int i = FreeSegment(ctx, s, p);
      if (i == 0) return StartChange(q, Change::kEvict, home, c.seg);
      c.copy = static_cast<u8>(i);
      s.segment[i].state = kActive;
      s.segment[i].owner = static_cast<u8>(p);
      q.at = At::kCopyHeader;
      break;
    }
    case At::kCopyHeader: {
      const u8 a = copy.rec.a, b = copy.rec.b;
      copy.queue = kRecords;
      copy.rec = g.rec;
      copy.rec.installs = kCopyMark;
      copy.rec.a = a;
      copy.rec.b = b;
      q.at = At::kCopyA;
      break;
    }
    case At::kCopyA:
      copy.rec.a = g.rec.a;
      q.at = At::kCopyB;
      break;
    case At::kCopyB:
      copy.rec.b = g.rec.b;
      copy.committed = 1;
      StartChange(q, Change::kRelocate, home, c.copy);
      break;
    case At::kCopySeal:
      copy.state = kSealed;
      Retire(q, c.seg, c.then);
      break;
    default:
      GiveBack(copy);
      Retire(q, c.seg, c.then);
  }
}

inline void RetireStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  Segment& g = s.segment[q.retire];
  if (q.at == At::kClearCommitted) {
    g.committed = 0;
    q.at = At::kBumpGeneration;
  } else if (q.at == At::kBumpGeneration) {
    if (!ctx.Has(Bug::kNoGenerationBump)) g.gen++;
    q.at = At::kRelease;
  } else {
    g.state = kFree;
    const After then = q.retire_then;
    q.retire = 0;
    q.retire_then = After::kOpEnd;
    Continue(ctx, s, p, then);
  }
}

// A freer that was paused may meet a segment that has another use by now: the generation it
// remembers tells, and is compared only while the segment is its own.
inline void FreeStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const u8 seg = q.free.seg[q.free.next];
  Segment& g = s.segment[seg];
  if (q.at == At::kRestore) {
    g.state = kSealed;
    return Continue(ctx, s, p, After::kFreeNext);
  }
  if (g.state != kSealed) return Continue(ctx, s, p, After::kFreeNext);
  g.state = kReclaim;
  g.owner = static_cast<u8>(p);
  if (g.gen != q.free.gen[q.free.next] && !ctx.Has(Bug::kFreerTrustsSegment)) {
    q.at = At::kRestore;
  } else {
    StartChange(q, Change::kIsReferenced, g.queue == kRun ? g.home : q.free.bucket, seg);
  }
}

inline void JanitorStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const Segment& g = s.segment[q.janitor_next];
  const bool orphan = OwnerDead(s, g) && !ctx.Has(Bug::kJanitorSkipsDead);
  if (orphan || (g.state == kSealed && g.queue == kRun))
    AimAt(s, q, q.janitor_next, After::kJanitorNext);
  else
    Continue(ctx, s, p, After::kJanitorNext);
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_
