// Random bodies in a child process, which has to end by itself whatever was broken in what it works on.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/atomic.h"
#include "test/native/check.h"
#include "test/native/options.h"

namespace strata::test {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15u | 1) {}
  uint32_t Below(uint64_t n) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<uint32_t>((random_ >> 32) * n >> 32);
  }

 private:
  uint64_t random_;
};

// Names the seed that made `body` crash or hang.
template <class Body>
void ForSeeds(uint64_t count, Body body) {
  auto* at = static_cast<Atomic<uint64_t>*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    for (uint64_t n = 0; n < count; n++) {
      at->store(Seed() + n);
      alarm(15);  // one seed takes milliseconds
      body(Seed() + n);
    }
    fflush(stdout);
    _exit(Failures() == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) {
    Fail(__FILE__, __LINE__, std::string(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "endless loop" : "crash") +
                                 ", status " + std::to_string(status) + ", STRATA_TEST_SEED=" + std::to_string(at->load()));
  }
  munmap(at, 4096);
}

}  // namespace strata::test
