// A file system without room is an error at opening, never a signal later; and creators at the same time meet.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <functional>

#include "test/native/fixture.h"
#include "test/native/options.h"
#include "test/native/region_files.h"

namespace strata::test {
namespace {

// Runs `body` in a child and returns its wait status; the child's failed checks make it fail.
int InChild(const std::function<void()>& body) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang ends by a signal
    const int before = Failures();
    body();
    fflush(stdout);
    _exit(Failures() == before ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

bool EnterMountNamespace() {
  const uid_t uid = geteuid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    WriteFile("/proc/self/uid_map", std::to_string(uid) + " " + std::to_string(uid) + " 1", 0600);
  }
  return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool MountSmall(const std::string& dir, uint64_t bytes) {
  const std::string options = "mode=0700,size=" + std::to_string(bytes);
  return mount("small", dir.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

TEST("space: a region that does not fit is refused and leaves nothing behind") {
  Directory dir;
  const int status = InChild([&dir] {
    if (!EnterMountNamespace()) {
      printf("  no mount namespace here: a limit on file sizes instead\n");
      signal(SIGXFSZ, SIG_IGN);
      rlimit limit{1u << 20, 1u << 20};
      setrlimit(RLIMIT_FSIZE, &limit);
      RegionError error;
      std::string warnings;
      CHECK(Region::Open(dir.path(), "t", {4u << 20, 256, 0}, &error, &warnings) == nullptr);
      CHECK_EQ(CountFiles(dir.path()), 0);
      return;
    }
    for (uint64_t room = 256u << 10; room <= (6u << 20); room += 384u << 10) {
      for (uint64_t size = 1u << 20; size <= (8u << 20); size *= 2) {
        if (!MountSmall(dir.path(), room)) return Fail(__FILE__, __LINE__, "cannot mount");
        RegionError error;
        std::string warnings;
        std::unique_ptr<Region> region(Region::Open(dir.path(), "t", {size, 256, 4096}, &error, &warnings));
        CHECK_EQ(region != nullptr, size <= room);
        if (region == nullptr) CHECK_EQ(error.status, Status::kNoSpace);
        CHECK_EQ(CountFiles(dir.path()), region != nullptr ? 1 : 0);
        region.reset();
        umount2(dir.path().c_str(), MNT_DETACH);
      }
    }
  });
  CHECK_EQ(status, 0);
}

TEST("space: a region goes on when its file system fills up") {
  Directory dir;
  const int status = InChild([&dir] {
    if (!EnterMountNamespace() || !MountSmall(dir.path(), 3u << 20)) return;
    auto table = OpenTable(dir.path(), {2u << 20, 256, 4096});
    if (table == nullptr) return;
    int other = open((dir.path() + "/filler").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    for (off_t at = 0; posix_fallocate(other, at, 4096) == 0;) at += 4096;
    close(other);
    Session s(*table);
    std::string value;
    for (int i = 0; i < 20000; i++) s.Set("key" + std::to_string(i % 4000), std::string(static_cast<size_t>(i % 700), 'v'));
    s.Set("run", std::string(20000, 'r'));
    CHECK_EQ(s.Get("run", &value), Status::kOk);
    CheckAudit(*table, s.context());
    RegionError error;
    std::string warnings;
    CHECK(Region::Open(dir.path(), "second", {2u << 20, 256, 4096}, &error, &warnings) == nullptr);
    CHECK_EQ(error.status, Status::kNoSpace);
  });
  CHECK_EQ(status, 0);
}

TEST("space: creators at the same time end in one region") {
  constexpr int kProcesses = 6, kRounds = 30;
  Directory dir;
  struct Meeting {
    Atomic<uint32_t> arrived[kRounds];
    Atomic<uint64_t> inode[kRounds][kProcesses];
  };
  auto* meeting = static_cast<Meeting*>(
      mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::vector<pid_t> children;
  fflush(stdout);
  for (int p = 0; p < kProcesses; p++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(60);
      for (int round = 0; round < kRounds; round++) {
        meeting->arrived[round].fetch_add(1);
        while (meeting->arrived[round].load() < kProcesses) sched_yield();
        const std::string name = "r" + std::to_string(round);
        RegionError error;
        std::string warnings;
        std::unique_ptr<Region> region(Region::Open(dir.path(), name, {1u << 20, 1024, 4096}, &error, &warnings));
        if (region == nullptr || !warnings.empty()) {
          printf("  %s %s\n", error.detail.c_str(), warnings.c_str());
          fflush(stdout);
          _exit(1);
        }
        meeting->inode[round][p].store(region->inode());
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
  }
  for (int round = 0; round < kRounds; round++) {
    for (int p = 1; p < kProcesses; p++) {
      CHECK_EQ(meeting->inode[round][p].load(), meeting->inode[round][0].load());
    }
  }
  CHECK_EQ(CountFiles(dir.path()), kRounds);
  munmap(meeting, sizeof(Meeting));
}

TEST("space: removing and opening at the same time never gives half a region") {
  constexpr int kProcesses = 4;
  Directory dir;
  std::vector<pid_t> children;
  fflush(stdout);
  for (int p = 0; p < kProcesses; p++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(100);
      const int before = Failures();
      for (uint64_t n = 0; n < Scaled(150); n++) {
        auto table = OpenTable(dir.path(), {1u << 20, 1024, 4096});
        if (table == nullptr) break;
        {
          Session s(*table);
          std::string value;
          CHECK_EQ(s.Set("k" + std::to_string(p), "v"), Status::kOk);
          CHECK_EQ(s.Get("k" + std::to_string(p), &value), Status::kOk);
        }
        if (n % 3 == 0) table->region().Unlink();
      }
      fflush(stdout);
      _exit(Failures() == before ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
  }
  CHECK(CountFiles(dir.path()) <= 1);
}

}  // namespace
}  // namespace strata::test
