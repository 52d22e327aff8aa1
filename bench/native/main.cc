// native_bench: the core without Node. Prints one JSON object for the load its arguments describe.
//
//   native_bench dir=/dev/shm/x call=get|set|mixed value=64 workers=2 kind=thread|process pressure=0|1 ms=200
//
// Workers of kind process open the region for themselves. With pressure=1 the keys are twice as many as find room,
// and a get that misses sets.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "bench/native/worker.h"
#include "service/service.h"

namespace strata::bench {
namespace {

constexpr uint32_t kMaxWorkers = 64;

// Shared by all processes of a run, outside the region.
struct Board {
  Atomic<uint32_t> is_filled, ready, go, failed;
  Tally tallies[kMaxWorkers];
};

struct Run {
  std::string dir;
  Load load;
  uint32_t workers = 1;
  uint32_t window_ms = 200;
  bool has_processes = false;
  bool has_pressure = false;
};

Run Parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; i++) {
    std::string text = argv[i];
    size_t equals = text.find('=');
    if (equals != std::string::npos) given[text.substr(0, equals)] = text.substr(equals + 1);
  }
  auto number = [&](const char* name, uint32_t otherwise) {
    return given.count(name) != 0 ? static_cast<uint32_t>(std::strtoul(given[name].c_str(), nullptr, 10)) : otherwise;
  };
  Run run;
  run.dir = given["dir"];
  run.load.call = given["call"] == "set" ? Call::kSet : given["call"] == "mixed" ? Call::kMixed : Call::kGet;
  run.load.value_bytes = std::max(16u, number("value", 64));
  run.load.entries = number("entries", 100000);
  run.window_ms = number("ms", 200);
  run.workers = std::clamp(number("workers", 1), 1u, kMaxWorkers);
  run.has_processes = given["kind"] == "process";
  run.has_pressure = number("pressure", 0) != 0;
  run.load.sets_on_miss = run.has_pressure;
  run.load.key_space = run.has_pressure ? run.load.entries * 2 : run.load.entries;
  return run;
}

std::unique_ptr<Table> Open(const Run& run) {
  RegionOptions options;
  // Key and record in the mean, the index, and a reserve; without pressure room for twice the entries.
  uint64_t per_entry = run.load.value_bytes + 24 + 80;
  options.memory_bytes = run.load.entries * per_entry * (run.has_pressure ? 1 : 2) + (2u << 20);
  options.average_entry_bytes = run.load.value_bytes + 24;
  RegionError error;
  std::string warnings;
  Region* region = Region::Open(run.dir, "bench", options, &error, &warnings);
  if (region == nullptr) {
    std::fprintf(stderr, "%s: %s\n", StatusName(error.status), error.detail.c_str());
    std::exit(1);
  }
  return std::make_unique<Table>(region);
}

void Work(Table& table, const Keys& keys, const Run& run, uint32_t index, Board* board) {
  Worker worker(table, keys, run.load, index);
  if (!worker.is_registered()) {
    std::fprintf(stderr, "no thread slot is left for worker %u\n", index);
    board->failed.store(1, kRelease);
  } else {
    worker.Run(run.window_ms / 2);
  }
  board->ready.fetch_add(1, kAcqRel);
  while (board->go.load(kAcquire) == 0) std::this_thread::yield();
  if (worker.is_registered()) board->tallies[index] = worker.Run(run.window_ms);
}

void WaitFor(const Atomic<uint32_t>& word, uint32_t value) {
  while (word.load(kAcquire) < value) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

int Main(int argc, char** argv) {
  const Run run = Parse(argc, argv);
  void* memory = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Board* board = new (memory) Board();
  const Keys keys(run.load.key_space, 1);
  // Forked before anything is mapped or locked: each process attaches by itself, as strangers do.
  for (uint32_t i = 0; run.has_processes && i < run.workers; i++) {
    if (fork() != 0) continue;
    WaitFor(board->is_filled, 1);
    std::unique_ptr<Table> table = Open(run);
    Work(*table, keys, run, i, board);
    _exit(0);
  }
  std::unique_ptr<Table> table = Open(run);
  const uint32_t refused = Fill(*table, keys, run.load);
  Service service(table.get());
  board->is_filled.store(1, kRelease);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; !run.has_processes && i < run.workers; i++) {
    threads.emplace_back([&, i] { Work(*table, keys, run, i, board); });
  }
  WaitFor(board->ready, run.workers);
  board->go.store(1, kRelease);
  for (std::thread& thread : threads) thread.join();
  while (run.has_processes && wait(nullptr) > 0) {}
  if (board->failed.load(kAcquire) != 0) return 1;

  double rate = 0, mean = 0;
  Tally sum;
  for (uint32_t i = 0; i < run.workers; i++) {
    const Tally& one = board->tallies[i];
    rate += static_cast<double>(one.calls) / one.nanoseconds * 1e6;
    mean += one.nanoseconds / static_cast<double>(one.calls) / run.workers;
    sum.calls += one.calls;
    sum.misses += one.misses;
    sum.torn += one.torn;
    sum.refused += one.refused;
  }
  std::printf("{\"ns\":%.2f,\"kop/s\":%.1f,\"misses\":%.6f,\"torn\":%llu,\"refused\":%llu}\n", mean, rate,
              static_cast<double>(sum.misses) / static_cast<double>(sum.calls),
              static_cast<unsigned long long>(sum.torn), static_cast<unsigned long long>(sum.refused + refused));
  return 0;
}

}  // namespace
}  // namespace strata::bench

int main(int argc, char** argv) { return strata::bench::Main(argc, argv); }
