// The step relation: dispatch, the merging of accesses into steps, and normal forms.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_STEP_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_STEP_H_

#include "protocol_actors.h"

namespace protocol {

// Takes the next shared access of process p; alternatives go to ctx.forks.
inline void Step(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  switch (q.at) {
    case At::kDone: break;
    case At::kNextOp: StartOp(ctx, s, p); break;
    case At::kTakeSegment: TakeSegmentStep(ctx, s, p); break;
    case At::kDescribePart: case At::kWriteHeader: case At::kWriteA: case At::kWriteB:
      WriteStep(ctx, s, p);
      break;
    case At::kSeal: case At::kSealPart: SealStep(ctx, s, p); break;
    case At::kDiscard:
      if (q.parts > 0) {
        q.at = At::kSeal;
        break;
      }
      GiveBack(s.segment[q.seg]);
      FinishOp(ctx, s, p);
      break;
    case At::kClear:
      s.epoch++;
      for (int key = 1; key < kMaxKeys; key++) s.ended |= s.granted[key];
      NoteInstant(ctx, s);
      FinishOp(ctx, s, p);
      break;
    case At::kJanitorLook: JanitorStep(ctx, s, p); break;
    case At::kSeize: case At::kWalk: case At::kCopyTake: case At::kCopyHeader: case At::kCopyA:
    case At::kCopyB: case At::kCopySeal: case At::kCopyUndo:
      ReclaimStep(ctx, s, p);
      break;
    case At::kClearCommitted: case At::kBumpGeneration: case At::kRelease:
      RetireStep(ctx, s, p);
      break;
    case At::kFreeSeize: case At::kRestore: FreeStep(ctx, s, p); break;
    case At::kReadSlot: case At::kReadGeneration: case At::kReadSlotAgain: case At::kReadHeader:
    case At::kReadA: case At::kReadB: case At::kReadPart: case At::kReadCheck:
      ReadStep(ctx, s, p);
      break;
    default: ChangeStep(ctx, s, p);
  }
}

// Whether some other process may still look into a segment that no slot refers to.
inline bool Observed(const Context& ctx, const State& s, int p, int seg) {
  for (int k = 0; k < ctx.Actors(); k++) {
    const Actor& q = s.actor[k];
    if (k == p || q.dead) continue;
    if (q.read.loc == seg || q.read.header.parts > 0) return true;
    if (q.read.loc != 0 && s.segment[q.read.loc].rec.parts > 0) return true;
    if (q.call.intent.op == kPut && q.call.intent.loc == seg) return true;
    for (const Slot& slot : q.call.seen)
      if (slot.loc == seg) return true;
  }
  return false;
}

// Whether a step of process p goes on through the point where it now stands: words written where
// nobody looks are no steps of their own.
inline bool Merged(const Context& ctx, const State& s, int p) {
  const Grain grain = ctx.scenario->grain;
  const Actor& q = s.actor[p];
  const bool may_die = s.crashes < ctx.scenario->crashes;   // holding a segment not yet described
  switch (q.at) {
    case At::kDescribePart: return !may_die && !Observed(ctx, s, p, q.part[q.parts - 1]);
    case At::kWriteHeader: return !may_die && !Observed(ctx, s, p, q.seg);
    case At::kCopyHeader: return !may_die && !Observed(ctx, s, p, q.reclaim.copy);
    case At::kWriteA: case At::kWriteB:
      return (grain == Grain::kCommit && q.at == At::kWriteA) || !Observed(ctx, s, p, q.seg);
    case At::kCopyA: case At::kCopyB:
      return (grain == Grain::kCommit && q.at == At::kCopyA) ||
             !Observed(ctx, s, p, q.reclaim.copy);
    case At::kScanSlot: case At::kScanRecord: case At::kLoadMaxVersion: case At::kBumpGeneration:
    case At::kHelpVersion: case At::kHelpCheck: case At::kHelpMaxVersion: case At::kHelpSlot:
    case At::kHelpIdle:
      return grain != Grain::kWord;
    case At::kCommit: case At::kConfirm: case At::kJanitorLook:
      return grain == Grain::kCommit;
    default: return false;
  }
}

// Forgets what no process can tell apart any more, so that equal futures are equal bytes.
inline void Normalise(const Context& ctx, State& s) {
  bool remembers = false, in_change = false;
  for (int p = 0; p < ctx.Actors(); p++) {
    Actor& q = s.actor[p];
    if (q.dead || q.at == At::kDone) {
      const u8 dead = q.dead;
      Reset(q);
      q.at = At::kDone;
      q.dead = dead;
      continue;
    }
    const bool reading = q.at >= At::kReadSlot && q.at <= At::kReadCheck;
    const bool changing = q.call.change != Change::kNone && q.at != At::kLoadIntent;
    in_change |= changing;
    remembers |= reading || changing || q.free.count > 0 || q.reclaim.seg > 0 || q.parts > 0;
  }
  for (int b = 0; b < ctx.scenario->buckets && !in_change; b++) {
    Bucket& bucket = s.bucket[b];
    if (bucket.intent.op != kIdle) continue;
    Reset(bucket.intent);
    for (Slot& slot : bucket.slot) slot.seq = 0;
  }
  for (int i = 1; i <= ctx.scenario->segments; i++) {
    Segment& g = s.segment[i];
    if (g.state == kFree || g.state == kSealed) g.owner = 0;
    if (g.state != kFree || remembers) continue;
    g.gen = 0;
    Reset(g.rec);
  }
}

// All states that one step of process p leads to. A call begins with its first shared access, so
// that it counts as running no longer than it must.
inline void Expand(Context& ctx, const State& from, int p, std::vector<State>& out) {
  const auto step_on = [&](State& s) {
    do Step(ctx, s, p);
    while (Merged(ctx, s, p) && ctx.violation == nullptr);
  };
  const auto emit = [&](const State& s) {
    if (ctx.violation == nullptr) CheckInvariants(ctx, s);
    out.push_back(s);
  };
  ctx.forks.clear();
  State s = from;
  const bool begins = s.actor[p].at == At::kNextOp;
  if (begins) Step(ctx, s, p);
  const At at = s.actor[p].at;
  if (!begins || (at != At::kNextOp && at != At::kDone && at != At::kSeize)) step_on(s);
  emit(s);
  while (!ctx.forks.empty() && ctx.violation == nullptr) {
    s = ctx.forks.back();
    ctx.forks.pop_back();
    if (Merged(ctx, s, p)) step_on(s);
    emit(s);
  }
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_STEP_H_
