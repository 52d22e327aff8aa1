// The janitor and the waker across processes.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "service/service.h"
#include "shm/futex.h"
#include "test/native/fixture.h"

namespace strata::test {
namespace {

// Waits for `holds` with a deadline; true if it came to hold.
template <class Holds>
bool Until(Holds holds, uint32_t deadline_ms = 20000) {
  static Atomic<uint32_t> never{0};
  for (const uint64_t end = PreciseNs() + uint64_t{deadline_ms} * 1000000; !holds();) {
    if (PreciseNs() > end) return false;
    FutexWait(never, 0, 1);
  }
  return true;
}

// What of the file at `path` is mapped with memory behind it.
uint64_t ResidentBytes(const std::string& path) {
  FILE* maps = fopen("/proc/self/smaps", "re");
  char line[4096];
  bool is_ours = false;
  uint64_t kib = 0, sum = 0, from, to;
  while (fgets(line, sizeof(line), maps) != nullptr) {
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2) is_ours = strstr(line, path.c_str()) != nullptr;
    if (is_ours && sscanf(line, "Rss: %lu kB", &kib) == 1) sum += kib << 10;
  }
  fclose(maps);
  return sum;
}

TEST("service: maps what others have filled, and no page that nobody has used") {
  Directory dir;
  constexpr uint64_t kFilled = 8u << 20, kAll = 64u << 20;
  auto writer = OpenTable(dir.path(), {kAll, 256, 0});
  {
    Session s(*writer);
    const std::string value(4000, 'v');
    for (uint64_t bytes = 0; bytes < kFilled; bytes += value.size()) s.Set("k" + std::to_string(bytes), value);
  }
  const uint64_t by_writes = ResidentBytes(writer->region().path());
  CHECK(by_writes >= kFilled);
  auto reader = OpenTable(dir.path());
  Service service(reader.get());
  CHECK(Until([&] { return ResidentBytes(reader->region().path()) > by_writes + kFilled; }));
  CHECK(Until([&] { return service.is_janitor(); }));
  CHECK(ResidentBytes(reader->region().path()) < kAll);
}

#if !defined(__SANITIZE_THREAD__)  // threads after fork of a threaded process are beyond it
struct Signs {
  Atomic<uint32_t> ready, calls, is_janitor;
};

Signs* MakeSigns() {
  return static_cast<Signs*>(mmap(nullptr, sizeof(Signs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

TEST("service: a listener in another process hears of a lease's end") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Signs* signs = MakeSigns();
  auto holder = std::make_unique<Session>(*table);
  uint64_t held = 0;
  CHECK_EQ(holder->Acquire("k", &held, 60000), Status::kOk);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    auto own = OpenTable(dir.path());
    Service service(own.get());
    Session s(*own);
    service.AddListener([signs] { signs->calls.fetch_add(1); });
    uint64_t token = 0;
    while (s.Acquire("k", &token) != Status::kLeaseBusy) sched_yield();  // announces the wait
    signs->ready.store(1);
    const bool heard = Until([signs] { return signs->calls.load() > 0; });
    _exit(heard ? 0 : 1);
  }
  CHECK(Until([signs] { return signs->ready.load() == 1; }));
  CHECK_EQ(holder->Publish("k", held, "value"), Status::kOk);
  holder.reset();
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_EQ(status, 0);
  munmap(signs, sizeof(Signs));
}

TEST("service: the janitor's work passes on when its process is killed") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Signs* signs = MakeSigns();
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    auto own = OpenTable(dir.path());
    Service service(own.get());
    Session s(*own);
    s.Set("left", "behind");
    for (;;) {
      signs->is_janitor.store(service.is_janitor());
      sched_yield();
    }
  }
  CHECK(Until([signs] { return signs->is_janitor.load() == 1; }));
  {
    Service service(table.get());
    Session s(*table);
    uint64_t token = 0;
    CHECK_EQ(s.Acquire("k", &token), Status::kOk);
    CHECK(!service.is_janitor());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(Until([&service] { return service.is_janitor(); }));
    // The new janitor also repairs what the dead one's process left.
    CHECK(Until([&] { return table->Audit(s.context()).owned_by_dead == 0; }));
  }
  munmap(signs, sizeof(Signs));
}
#endif

TEST("service: a listener hears of an end right after it was added") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  for (int i = 0; i < 20; i++) {
    Atomic<uint32_t> calls{0};
    Service service(table.get());
    service.AddListener([&calls] { calls.fetch_add(1); });
    table->WakeAllWaiters();
    CHECK(Until([&calls] { return calls.load() > 0; }));
  }
}

TEST("service: a removed listener does not run") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Service service(table.get());
  Atomic<uint32_t> kept{0};
  service.AddListener([&kept] { kept.fetch_add(1); });
  for (int i = 0; i < 50; i++) {
    auto calls = std::make_unique<Atomic<uint32_t>>(0);
    int id = service.AddListener([&calls] { calls->fetch_add(1); });
    table->WakeAllWaiters();
    service.RemoveListener(id);
    calls.reset();
  }
  CHECK(Until([&kept] { return kept.load() > 0; }));
}

TEST("service: the janitor keeps segments free") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Service service(table.get());
  Session s(*table);
  CHECK(Until([&service] { return service.is_janitor(); }));
  for (int i = 0; i < 20000; i++) s.Set("key" + std::to_string(i), std::string(200, 'v'));
  CHECK(Until([&table] { return table->FreeSegments() >= table->FreeTarget(); }));
}

TEST("service: the janitor takes back what expired") {
  Directory dir;
  auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
  Service service(table.get());
  Session s(*table);
  WriteOptions life;
  life.hard_ms = table->NowMs(s.context()) + 50;
  for (int i = 0; i < 3000; i++) s.Set("short" + std::to_string(i), std::string(200, 'v'), life);
  // All but what this thread still writes to.
  CHECK(Until([&table] { return table->FreeSegments() + 3 >= table->geometry().segment_count; }));
}

}  // namespace
}  // namespace strata::test
