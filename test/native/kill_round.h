// One region's life in the kill harness: survivors that work throughout, batches of victims, an audit after each.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "test/native/fixture.h"
#include "test/native/kill_job.h"

namespace strata::test {

struct Totals {
  uint64_t kills = 0, stops = 0, audits = 0, checked = 0;
  double slowest_ms = 0;
};

Board* CreateBoard();

class Round {
 public:
  Round(const RegionOptions& options, Board& board, uint64_t seed, Totals* totals);
  ~Round();
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  // Each returns what went wrong, or nothing.
  std::string Run(const std::vector<Job>& batch);
  std::string Finish();  // ends the survivors and looks at the region once more

 private:
  struct Child {
    pid_t pid = 0;
    Job job;
    uint32_t id = 0;
    bool is_stopped = false;
    uint64_t kill_at_ns = 0;  // from outside; 0 = not
  };

  pid_t Start(const Job& job, uint32_t id);
  std::string WaitForVictims(std::vector<Child>& victims);
  std::string Ended(const Child& child, int status);
  std::string WorkWhileStopped(const std::vector<Child>& victims);
  std::string CheckCreation(const std::vector<Child>& victims);
  std::string Audit(uint32_t living);
  std::string Hang(const std::string& who, pid_t pid);

  Board& board_;
  Totals* totals_;
  uint64_t random_;
  Shared* shared_;
  Directory dir_;
  std::unique_ptr<Table> table_;
  ThreadContext context_;
  std::unique_ptr<Worker> worker_;
  std::vector<pid_t> survivors_;
};

}  // namespace strata::test
