// A read, word by word, and the dispatch of a step to its routine.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_READER_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_READER_H_

#include "protocol_actors.h"

namespace protocol {

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

// Whether a step of process p goes on through the point where it now stands.
inline bool Merged(const Context& ctx, const State& s, int p) {
  const Grain grain = ctx.scenario->grain;
  switch (s.actor[p].at) {
    case At::kScanSlot: case At::kScanRecord: case At::kLoadMaxVersion:
      return grain != Grain::kWord;
    case At::kCommit: case At::kConfirm: case At::kHelpVersion: case At::kHelpCheck:
    case At::kHelpMaxVersion: case At::kHelpSlot: case At::kHelpIdle: case At::kWriteA:
    case At::kCopyA: case At::kBumpGeneration: case At::kJanitorLook:
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
  for (int i = 1; i <= ctx.scenario->segments && !remembers; i++) {
    Segment& g = s.segment[i];
    if (g.state != kFree) continue;
    g.gen = g.owner = 0;
    Reset(g.rec);
  }
}

// All states that one step of process p leads to.
inline void Expand(Context& ctx, const State& from, int p, std::vector<State>& out) {
  ctx.forks.clear();
  ctx.forks.push_back(from);
  const bool begins = from.actor[p].at == At::kNextOp;
  bool first = true;
  while (!ctx.forks.empty() && ctx.violation == nullptr) {
    State s = ctx.forks.back();
    ctx.forks.pop_back();
    bool go_on = first || Merged(ctx, s, p);
    const bool opened = first && begins;
    first = false;
    while (go_on) {
      Step(ctx, s, p);
      go_on = Merged(ctx, s, p);
    }
    if (opened && s.actor[p].at != At::kNextOp && s.actor[p].at != At::kDone &&
        s.actor[p].at != At::kSeize) {
      do Step(ctx, s, p); while (Merged(ctx, s, p));
    }
    if (ctx.violation == nullptr) CheckInvariants(ctx, s);
    out.push_back(s);
  }
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_READER_H_
