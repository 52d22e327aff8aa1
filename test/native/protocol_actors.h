// The operations of a process, one shared access at a time.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_

#include "protocol_segments.h"

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
    case OpKind::kInvalidate: StartChange(q, Change::kInvalidate, bucket, 0); break;
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
      const bool drops_void = op.kind == OpKind::kSet || op.kind == OpKind::kInvalidate;
      StartChange(q, drops_void ? Change::kDropVoidLease : Change::kDropToken, ctx.BucketOf(op.key), 0);
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
    case Change::kDropVoidLease:
      if (q.seg != 0) q.at = At::kSeal;
      else FinishOp(ctx, s, p);
      break;
    case Change::kInvalidate: {
      // Unchanged and not kept: the validated scan showed neither value nor lease.
      const u8 key = ctx.OpOf(s, p).key;
      if (!changed && !done.kept) s.ended |= s.granted[key];
      if (changed) StartFree(ctx, s, p, done.second ? After::kSecondChange : After::kOpEnd);
      else FinishOp(ctx, s, p);
      break;
    }
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
        g.rec.fleet = op.fleet;
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

inline void ReadNextSlot(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const ReadCall old = q.read;
  Reset(q.read);
  q.read.epoch = old.epoch;
  q.read.acceptable = old.acceptable;
  q.read.tries = old.tries;
  q.read.index = old.index + 1;
  q.at = At::kReadSlot;
  if (q.read.index < ctx.scenario->slots) return;
  if (!(q.read.acceptable & 1)) ctx.Violate("a read missed a key that was present all the time");
  FinishOp(ctx, s, p);
}

inline void RetryRead(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const ReadCall old = q.read;
  Reset(q.read);
  q.read.epoch = old.epoch;
  q.read.acceptable = old.acceptable;
  q.read.tries = old.tries + 1;
  q.at = At::kReadSlot;
  if (q.read.tries == ctx.scenario->tries) FinishOp(ctx, s, p);
}

inline void EndCopy(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const ReadCall& r = q.read;
  bool intact = s.segment[r.loc].gen == r.gen;
  for (int k = 0; r.mine && k < r.header.parts && !ctx.Has(Bug::kReaderChecksHeadOnly); k++)
    intact = intact && s.segment[r.header.part[k]].gen == r.header.part_gen[k];
  if (!intact) return RetryRead(ctx, s, p);
  if (!r.mine) return ReadNextSlot(ctx, s, p);
  bool whole = r.a == r.b;
  for (int k = 0; k < r.header.parts; k++) whole = whole && r.part_word[k] == r.a;
  if (!whole) ctx.Violate("a read returned a torn value");
  if (!(r.acceptable & Bit(r.a)))
    ctx.Violate("a read returned a value that was never current during the call");
  FinishOp(ctx, s, p);
}

inline void ReadStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  ReadCall& r = q.read;
  const Op& op = ctx.OpOf(s, p);
  const Slot& slot = s.bucket[ctx.BucketOf(op.key)].slot[r.index];
  const Segment& g = s.segment[r.loc];
  switch (q.at) {
    case At::kReadSlot:
      r.loc = slot.loc;
      if (r.loc == 0) return ReadNextSlot(ctx, s, p);
      q.at = At::kReadGeneration;
      break;
    case At::kReadGeneration:
      r.gen = g.gen;
      q.at = ctx.Has(Bug::kReadSlotOnce) ? At::kReadHeader : At::kReadSlotAgain;
      break;
    case At::kReadSlotAgain:
      if (slot.loc != r.loc) return RetryRead(ctx, s, p);
      q.at = At::kReadHeader;
      break;
    case At::kReadHeader: {
      const u8 epoch = ctx.Has(Bug::kReadEpochEarly) ? r.epoch : s.epoch;
      r.mine = g.rec.type == kValue && g.rec.key == op.key && g.rec.epoch == epoch;
      if (r.mine) {
        r.header.parts = g.rec.parts;
        std::memcpy(r.header.part, g.rec.part, sizeof r.header.part);
        std::memcpy(r.header.part_gen, g.rec.part_gen, sizeof r.header.part_gen);
      }
      q.at = r.mine ? At::kReadA : At::kReadCheck;
      break;
    }
    case At::kReadA:
      r.a = g.rec.a;
      q.at = At::kReadB;
      break;
    case At::kReadB:
      r.b = g.rec.b;
      q.at = r.header.parts > 0 ? At::kReadPart : At::kReadCheck;
      break;
    case At::kReadPart:
      r.part_word[r.part] = s.segment[r.header.part[r.part]].rec.a;
      if (++r.part == r.header.parts) q.at = At::kReadCheck;
      break;
    default:
      EndCopy(ctx, s, p);
  }
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_ACTORS_H_
