#include "journal/breaker.h"

#include <algorithm>
#include <limits>

namespace strata {
namespace {

struct Word {
  uint64_t raw;
  static Word Make(bool open, uint64_t failures, uint64_t openings, uint64_t until) {
    return {until << 24 | std::min<uint64_t>(openings, 255) << 16 | std::min<uint64_t>(failures, 32767) << 1 | (open ? 1 : 0)};
  }
  bool is_open() const { return (raw & 1) != 0; }
  uint64_t failures() const { return raw >> 1 & 32767; }
  uint64_t openings() const { return raw >> 16 & 255; }
  uint64_t until() const { return raw >> 24; }
};

uint64_t OpenMs(const BreakerLimits& limits, uint64_t openings) {
  return std::min<uint64_t>(uint64_t{limits.first_open_ms} << std::min<uint64_t>(openings, 20), limits.max_open_ms);
}

// Nobody opens for longer than a BreakerLimits can say: what lies beyond is damage.
bool IsDue(Word word) {
  const uint64_t now = Journal::NowMs();
  return now >= word.until() || word.until() - now > std::numeric_limits<uint32_t>::max();
}

}  // namespace

BreakerState Breaker::MayTry() {
  Atomic<uint64_t>& word = journal_.header().breaker;
  const Word seen{word.load(kRelaxed)};
  if (!seen.is_open()) return BreakerState::kClosed;
  if (is_probing_ || !IsDue(seen)) return BreakerState::kOpen;
  if (!lock_.is_open() && !lock_.Open(journal_.file().fd())) return BreakerState::kOpen;
  if (!lock_.TryLock(kLockProbe)) return BreakerState::kOpen;
  // The last prober may have reported between the look and the lock. SYNC(breaker-probe): acquire.
  const Word now{word.load(kAcquire)};
  if (now.is_open() && IsDue(now)) {
    is_probing_ = true;
    return BreakerState::kProbe;
  }
  lock_.Unlock(kLockProbe);
  return now.is_open() ? BreakerState::kOpen : BreakerState::kClosed;
}

void Breaker::Report(bool good, const BreakerLimits& limits) {
  Atomic<uint64_t>& word = journal_.header().breaker;
  Word seen{word.load(kRelaxed)};
  if (good && seen.raw == 0 && !is_probing_) return;
  for (;;) {
    Word next{0};
    if (seen.is_open()) {
      if (!is_probing_) return;
      if (!good) {
        const uint64_t openings = seen.openings() + 1;
        next = Word::Make(true, seen.failures() + 1, openings, Journal::NowMs() + OpenMs(limits, openings));
      }
    } else if (!good) {
      const uint64_t failures = seen.failures() + 1;
      next = failures < limits.failures ? Word::Make(false, failures, 0, 0)
                                        : Word::Make(true, failures, 0, Journal::NowMs() + OpenMs(limits, 0));
    }
    // SYNC(breaker-probe): release. The next prober sees the outcome of this one.
    if (word.compare_exchange_weak(seen.raw, next.raw, kAcqRel)) break;
  }
  if (is_probing_) lock_.Unlock(kLockProbe);
  is_probing_ = false;
}

void Breaker::Close() {
  journal_.header().breaker.store(0, kRelease);  // SYNC(breaker-probe)
  if (is_probing_) lock_.Unlock(kLockProbe);
  is_probing_ = false;
}

BreakerState Breaker::state() const {
  return Word{journal_.header().breaker.load(kRelaxed)}.is_open() ? BreakerState::kOpen : BreakerState::kClosed;
}

}  // namespace strata
