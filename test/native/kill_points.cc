#include "test/native/kill_points.h"

#include <signal.h>
#include <unistd.h>

namespace strata {
namespace test {
namespace {

struct Armed {
  Fate fate = Fate::kNone;
  uint32_t point = 0;
  uint32_t left = 0;
  Atomic<uint64_t>* hits = nullptr;
};
Armed armed;  // of this process; its only thread

}  // namespace

const char* KillPointName(uint32_t point) {
  static const char* const kNames[] = {
#define X(name) #name,
      STRATA_KILL_POINTS(X) STRATA_JOURNAL_KILL_POINTS(X)
#undef X
  };
  return kNames[point];
}

void Arm(Fate fate, uint32_t point, uint32_t pass, Atomic<uint64_t>* hits) { armed = {fate, point, pass, hits}; }

}  // namespace test

void PassKillPoint(KillPoint point) {
  test::Armed& a = test::armed;
  if (a.fate == test::Fate::kNone || static_cast<uint32_t>(point) != a.point || --a.left != 0) return;
  const int signal = a.fate == test::Fate::kKill ? SIGKILL : SIGSTOP;
  a.fate = test::Fate::kNone;
  a.hits->fetch_add(1);
  kill(getpid(), signal);
}

}  // namespace strata
