// The host's breaker: one word by which all processes agree whether Redis is worth a try.
//
//   word  63        24 23      16 15       1   0
//        │ open until │ openings  │ failures │ open │     until: ms of the monotonic clock
//
// The probe of an open breaker is a file lock, so the kernel frees it when the prober dies.
#pragma once

#include "journal/journal.h"
#include "shm/liveness.h"

namespace strata {

struct BreakerLimits {
  uint32_t failures = 5;      // in a row, to open
  uint32_t first_open_ms = 500;
  uint32_t max_open_ms = 10000;  // doubled with every probe that failed, up to this
};

enum class BreakerState : int32_t { kClosed = 0, kOpen = 1, kProbe = 2 };

// One isolate's use of the breaker.
class Breaker {
 public:
  explicit Breaker(Journal& journal) : journal_(journal) {}

  // kProbe: this isolate alone may try, and has to report.
  BreakerState MayTry();
  // Without a probe of its own a report counts only while the breaker is closed.
  void Report(bool good, const BreakerLimits& limits);
  void Close();  // whatever it was
  BreakerState state() const;

 private:
  Journal& journal_;
  LockHandle lock_;
  bool is_probing_ = false;
};

}  // namespace strata
