// The region's file: who may make it, which files are refused, and that a refused file is left as it was.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>
#include <functional>

#include "shm/host_identity.h"
#include "test/native/fixture.h"
#include "test/native/region_files.h"

namespace strata::test {
namespace {

constexpr RegionOptions kSmall{1u << 20, 1024, 4096};

struct Opened {
  std::unique_ptr<Region> region;
  RegionError error;
  std::string warnings;
};

Opened Open(const std::string& dir, const char* name = "t", RegionOptions options = kSmall) {
  Opened opened;
  opened.region.reset(Region::Open(dir, name, options, &opened.error, &opened.warnings));
  return opened;
}

void CheckRefusedDirectory(const std::string& dir, const char* what) {
  Opened opened = Open(dir);
  if (opened.region != nullptr) return Fail(__FILE__, __LINE__, std::string("accepted ") + what);
  if (opened.error.status != Status::kDirectoryUnsafe) {
    Fail(__FILE__, __LINE__, std::string(what) + ": " + StatusName(opened.error.status));
  }
  CHECK(!opened.error.detail.empty());
}

TEST("region: a directory that is not ours alone is refused and left empty") {
  for (mode_t mode : {0755, 0770, 0777, 01777, 0701, 02700, 0500}) {
    Directory dir;
    chmod(dir.path().c_str(), mode);
    CheckRefusedDirectory(dir.path(), "a directory of another mode");
    chmod(dir.path().c_str(), 0700);
    CHECK_EQ(CountFiles(dir.path()), 0);
  }
  Directory dir, outer;
  const std::string link = outer.path() + "/link";
  CHECK(symlink(dir.path().c_str(), link.c_str()) == 0);
  CheckRefusedDirectory(link, "a link to a directory");
  CHECK_EQ(CountFiles(dir.path()), 0);
  const std::string dangling = outer.path() + "/dangling";
  CHECK(symlink("/dev/shm/stratatest-nowhere", dangling.c_str()) == 0);
  CheckRefusedDirectory(dangling, "a dangling link");
  const std::string file = outer.path() + "/file";
  WriteFile(file, "x", 0600);
  CheckRefusedDirectory(file, "a file");
  if (geteuid() == 0) {
    CHECK(chown(dir.path().c_str(), 65534, 65534) == 0);
    CheckRefusedDirectory(dir.path(), "a directory of another owner");
    CHECK(chown(dir.path().c_str(), 0, 0) == 0);
  }
  CHECK(Open(outer.path() + "/no/such").error.status == Status::kSystem);
}

TEST("region: a missing directory is made with mode 0700 whatever the umask") {
  Directory outer;
  const std::string dir = outer.path() + "/made";
  const mode_t before = umask(0);
  Opened opened = Open(dir);
  umask(before);
  CHECK(opened.region != nullptr);
  struct stat s;
  CHECK(stat(dir.c_str(), &s) == 0 && (s.st_mode & 07777) == 0700);
  CHECK(stat(opened.region->path().c_str(), &s) == 0 && (s.st_mode & 07777) == 0600);
  CHECK(static_cast<uint64_t>(s.st_blocks) * 512 >= opened.region->geometry().file_bytes);  // allocated in full
  opened.region->Unlink();
  rmdir(dir.c_str());
}

// `spoil` makes something of the first name; the next opener must leave it alone and meet others at the second.
void CheckRefusedFile(const char* what, Status status, const std::function<void(const std::string&)>& spoil) {
  Directory dir;
  const std::string first = RegionFile(dir.path(), "t", 0);
  spoil(first);
  const std::string before = Fingerprint(first);
  Opened one = Open(dir.path()), two = Open(dir.path());
  if (one.region == nullptr || two.region == nullptr) {
    return Fail(__FILE__, __LINE__, std::string(what) + ": " + one.error.detail);
  }
  if (one.region->path() != RegionFile(dir.path(), "t", 1)) Fail(__FILE__, __LINE__, std::string("attached to ") + what);
  CHECK(one.region->inode() == two.region->inode());
  if (one.warnings.find(StatusName(status)) != 0) Fail(__FILE__, __LINE__, std::string(what) + " gives " + one.warnings);
  if (Fingerprint(first) != before) Fail(__FILE__, __LINE__, std::string("changed ") + what);
}

// A whole region of the right name whose header or file was changed.
void CheckRefusedRegion(const char* what, Status status, const std::function<void(RegionHeader*)>& change,
                        const std::function<void(const std::string&)>& then = {}) {
  CheckRefusedFile(what, status, [&](const std::string& file) {
    MakeRegion(file, kSmall);
    ChangeHeader(file, change);
    if (then) then(file);
  });
}

TEST("region: what is no file of ours is refused, left alone, and the next name is used") {
  constexpr Status kForeign = Status::kRegionForeign;
  CheckRefusedFile("a link", kForeign, [](const std::string& file) {
    MakeRegion(file + ".target", kSmall);
    CHECK(symlink((file + ".target").c_str(), file.c_str()) == 0);
  });
  CheckRefusedFile("a dangling link", kForeign, [](const std::string& file) { CHECK(symlink("/none", file.c_str()) == 0); });
  CheckRefusedFile("a pipe", kForeign, [](const std::string& file) { CHECK(mkfifo(file.c_str(), 0600) == 0); });
  CheckRefusedFile("a second name of a file", kForeign, [](const std::string& file) {
    MakeRegion(file, kSmall);
    CHECK(link(file.c_str(), (file + ".second").c_str()) == 0);
  });
  for (mode_t mode : {0644, 0660, 0666, 0700, 04600, 02600}) {
    CheckRefusedFile("a file of another mode", kForeign, [mode](const std::string& file) {
      MakeRegion(file, kSmall);
      chmod(file.c_str(), mode);
    });
  }
  if (geteuid() == 0) {
    CheckRefusedFile("a file of another owner", kForeign, [](const std::string& file) {
      MakeRegion(file, kSmall);
      CHECK(chown(file.c_str(), 65534, 0) == 0);
    });
  }
}

TEST("region: files that are not whole or contradict themselves are refused") {
  constexpr Status kTorn = Status::kRegionTorn;
  for (off_t size : {0, 1, 100, 4095}) {
    CheckRefusedFile("a truncated file", kTorn, [size](const std::string& file) {
      MakeRegion(file, kSmall);
      CHECK(truncate(file.c_str(), size) == 0);
    });
  }
  for (off_t size : {4096, 500000, (1 << 20) - 4096, (1 << 20) + 4096}) {
    CheckRefusedFile("a file of another length", kTorn, [size](const std::string& file) {
      MakeRegion(file, kSmall);
      CHECK(truncate(file.c_str(), size) == 0);
    });
  }
  CheckRefusedFile("zeros", kTorn, [](const std::string& file) { WriteFile(file, std::string(1 << 20, '\0'), 0600); });
  CheckRefusedFile("text", kTorn, [](const std::string& file) { WriteFile(file, std::string(1 << 20, 'x'), 0600); });
  CheckRefusedRegion("an unfinished region", kTorn, [](RegionHeader* h) { h->magic.store(0); });
  CheckRefusedRegion("another layout", Status::kRegionLayout, [](RegionHeader* h) { h->layout_fingerprint ^= 1; });
  CheckRefusedRegion("another time namespace", Status::kRegionForeign, [](RegionHeader* h) { h->time_namespace ^= 1; });
  // Every word of the geometry, made greater, smaller, zero and huge.
  for (size_t at = 0; at < sizeof(Geometry); at += 4) {
    for (int kind = 0; kind < 4; kind++) {
      // One byte more or less on average may give the very same sizes.
      if (at == offsetof(Geometry, average_entry_bytes) && kind < 2) continue;
      CheckRefusedRegion("a contradicting geometry", kTorn, [at, kind](RegionHeader* h) {
        auto* word = reinterpret_cast<uint32_t*>(reinterpret_cast<uint8_t*>(&h->geometry) + at);
        const uint32_t old = *word;
        *word = kind == 0 ? old + 1 : kind == 1 ? old - 1 : kind == 2 ? 0 : ~0u;
        if (*word == old) *word = old ^ 0x40;
      });
      if (Failures() != 0) return printf("  word at %zu, kind %d\n", at, kind), void();
    }
  }
}

TEST("region: a region of an earlier boot gives its name away") {
  Directory dir;
  MakeRegion(RegionFile(dir.path(), "t", 0), kSmall);
  ChangeHeader(RegionFile(dir.path(), "t", 0), [](RegionHeader* h) { h->boot_id_hash ^= 1; });
  Opened opened = Open(dir.path());
  CHECK(opened.region != nullptr && opened.region->path() == RegionFile(dir.path(), "t", 0));
  CHECK(opened.warnings.find("REGION_BOOT") == 0);
  CHECK_EQ(CountFiles(dir.path()), 1);
}

TEST("region: when every name is taken by others the error says so") {
  Directory dir;
  for (int i = 0; i < 8; i++) WriteFile(RegionFile(dir.path(), "t", i), "not a region", 0600);
  Opened opened = Open(dir.path());
  CHECK(opened.region == nullptr && opened.error.status == Status::kRegionForeign);
  CHECK_EQ(CountFiles(dir.path()), 8);
}

TEST("region: temporary files of dead creators go, those of living ones stay") {
  Directory dir;
  WriteFile(dir.path() + "/.new-00000000000000aa", "left by the dead", 0600);
  WriteFile(dir.path() + "/.new-00000000000000bb", "", 0600);
  const std::string living = dir.path() + "/.new-00000000000000cc";
  WriteFile(living, "", 0600);
  int fd = open(living.c_str(), O_RDWR | O_CLOEXEC);
  flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_len = 1;
  CHECK(fcntl(fd, F_OFD_SETLK, &lock) == 0);
  CHECK(Open(dir.path()).region != nullptr);
  CHECK_EQ(CountFiles(dir.path()), 2);
  CHECK(access(living.c_str(), F_OK) == 0);
  close(fd);
  CHECK(Open(dir.path(), "other").region != nullptr);
  CHECK_EQ(CountFiles(dir.path()), 2);
}

TEST("region: attaching follows the region, not the wishes of who attaches") {
  Directory dir;
  Opened first = Open(dir.path());
  Opened second = Open(dir.path(), "t", {4u << 20, 200, 0});
  CHECK(second.region != nullptr && second.region->geometry().file_bytes == first.region->geometry().file_bytes);
  CHECK(!first.region->IsUnlinked());
  first.region->Unlink();
  CHECK(first.region->IsUnlinked() && second.region->IsUnlinked());
  Opened third = Open(dir.path());
  CHECK(third.region->inode() != first.region->inode());
  second.region->Unlink();  // its own name is gone; that of the third is not touched
  CHECK(!third.region->IsUnlinked());
}

TEST("region: sizes that leave no room are refused before anything is made") {
  Directory dir;
  for (RegionOptions options : {RegionOptions{0, 256, 0}, RegionOptions{(1u << 20) - 1, 256, 0}, RegionOptions{1u << 20, 15, 0},
                                RegionOptions{1u << 20, 256, 5000}, RegionOptions{1u << 20, 256, 2048},
                                RegionOptions{1u << 20, 256, 1u << 20}, RegionOptions{uint64_t{1} << 43, 256, 0}}) {
    Opened opened = Open(dir.path(), "t", options);
    CHECK(opened.region == nullptr && opened.error.status == Status::kBadOptions);
  }
  CHECK_EQ(CountFiles(dir.path()), 0);
}

}  // namespace
}  // namespace strata::test
