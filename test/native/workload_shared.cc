// What the processes of a workload share, and how they are held between two operations.
#include <sys/mman.h>

#include <cstdio>

#include "shm/futex.h"
#include "test/native/workload.h"

namespace strata::test {

Shared* Shared::Create() {
  void* at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<Shared*>(at);
}

void Shared::Destroy(Shared* shared) { munmap(static_cast<void*>(shared), sizeof(Shared)); }

void Shared::Fail(const std::string& what) {
  if (has_failed.exchange(1) == 0) {
    snprintf(message, sizeof(message), "%s", what.c_str());
    has_failed.store(2);
  }
}

void Raise(Atomic<uint64_t>& floor, uint64_t to) {
  uint64_t now = floor.load();
  while (now < to && !floor.compare_exchange_weak(now, to)) {
  }
}

bool PauseWorkers(Shared& shared, uint32_t workers, uint32_t deadline_ms) {
  shared.pause.fetch_add(1);
  const uint64_t end = PreciseNs() + uint64_t{deadline_ms} * 1000000;
  for (uint32_t now; (now = shared.paused.load()) < workers;) {
    if (PreciseNs() > end || shared.has_failed.load() != 0) return false;
    FutexWait(shared.paused, now, 100);
  }
  return true;
}

void ResumeWorkers(Shared& shared) {
  shared.paused.store(0);
  shared.pause.fetch_add(1);
  FutexWakeAll(shared.pause);
}

void WaitWhilePaused(Shared& shared) {
  for (uint32_t seen; ((seen = shared.pause.load()) & 1) != 0;) {
    shared.paused.fetch_add(1);
    FutexWakeAll(shared.paused);
    while (shared.pause.load() == seen && shared.stop.load() == 0) FutexWait(shared.pause, seen, 100);
    if (shared.stop.load() != 0) return;
  }
}

}  // namespace strata::test
