// The life of a segment: taking, reclaiming with eviction or relocation, freeing the segments of a
// removed run, and the janitor.
#ifndef STRATACACHE_TEST_NATIVE_PROTOCOL_SEGMENTS_H_
#define STRATACACHE_TEST_NATIVE_PROTOCOL_SEGMENTS_H_

#include "protocol_bucket.h"

namespace protocol {

// Goes on with the caller of a routine; defined with the operations.
void Continue(Context& ctx, State& s, int p, After after);

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
  const u8 owner = g.state == kSealed ? u8{0} : g.owner;
  q.reclaim = {static_cast<u8>(seg), g.state, owner, g.queue, 0, then};
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
      const bool owned = g.state == kActive || g.state == kReclaim;
      if (g.state != c.expect_state || (owned && g.owner != c.expect_owner)) {
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
// remembers tells, and is compared only while the segment is its own. If it is the same, nothing
// can refer to the segment: the freer itself removed the one head that listed it.
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
  if (ctx.Has(Bug::kFreerTrustsSegment))
    StartChange(q, Change::kIsReferenced, g.queue == kRun ? g.home : q.free.bucket, seg);
  else if (g.gen != q.free.gen[q.free.next])
    q.at = At::kRestore;
  else
    Retire(q, seg, After::kFreeNext);
}

inline void JanitorStep(Context& ctx, State& s, int p) {
  Actor& q = s.actor[p];
  const Segment& g = s.segment[q.janitor_next];
  const bool orphan = OwnerDead(s, g) && !ctx.Has(Bug::kJanitorSkipsDead);
  const bool unowned = g.state == kSealed && g.queue == kRun && !ctx.Has(Bug::kJanitorSkipsSealed);
  if (orphan || unowned)
    AimAt(s, q, q.janitor_next, After::kJanitorNext);
  else
    Continue(ctx, s, p, After::kJanitorNext);
}

}  // namespace protocol

#endif  // STRATACACHE_TEST_NATIVE_PROTOCOL_SEGMENTS_H_
