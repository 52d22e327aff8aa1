#include "shm/region_create.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "base/kill_point.h"
#include "shm/clock.h"
#include "shm/host_identity.h"

namespace strata {
namespace {

struct Secrets {
  uint64_t hash_seed, region_id, file_id;
};

bool Refuse(RegionError* error, Status status, const std::string& what) {
  const int code = errno;
  *error = {code == ENOSPC ? Status::kNoSpace : status, code, what + ": " + strerror(code)};
  return false;
}

// A creator that was killed leaves a temporary file whose lock nobody holds.
void RemoveAbandonedFiles(int dir_fd) {
  ForEachName(dir_fd, [dir_fd](const char* name) {
    if (strncmp(name, ".new-", 5) != 0) return;
    int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (LockFirstByte(fd)) unlinkat(dir_fd, name, 0);
    close(fd);
  });
}

void Initialise(RegionHeader* h, const Geometry& geometry, const Secrets& secrets) {
  h->layout_fingerprint = LayoutFingerprint();
  h->geometry = geometry;
  h->hash_seed = secrets.hash_seed;
  h->region_id = secrets.region_id;
  h->boot_id_hash = BootIdHash();
  h->time_namespace = TimeNamespace();
  h->start_monotonic_ms = CoarseMs() - 1;  // so that 0 stays free to mean never
  h->version_base = WallMicroseconds();
  h->free_segments.store(geometry.segment_count, kRelaxed);
  for (uint32_t c = 0; c < kAdmissionClasses; c++) h->admission[c].store(c == 0 ? 65536 / 32 : 65536, kRelaxed);
  // SYNC(region-ready): release. Everything above is there for whoever reads the magic.
  h->magic.store(kRegionMagic, kRelease);
}

bool Fill(int fd, const std::string& dir, const Geometry& geometry, const Secrets& secrets, RegionError* error) {
  if (fchmod(fd, 0600) != 0) return Refuse(error, Status::kSystem, dir);
  int result;
  do {
    result = posix_fallocate(fd, 0, static_cast<off_t>(geometry.file_bytes));
  } while (result == EINTR);
  if (result != 0) {
    errno = result;
    return Refuse(error, Status::kSystem,
                  dir + " cannot hold a region of " + std::to_string(geometry.file_bytes) + " bytes");
  }
  void* base = mmap(nullptr, sizeof(RegionHeader), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return Refuse(error, Status::kSystem, dir + ": cannot map");
  Initialise(static_cast<RegionHeader*>(base), geometry, secrets);
  munmap(base, sizeof(RegionHeader));
  return true;
}

}  // namespace

bool LockFirstByte(int fd) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_len = 1;
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool CreateRegionFile(int dir_fd, const std::string& dir, const std::string& file, const RegionOptions& options,
                      bool* lost_race, RegionError* error) {
  *lost_race = false;
  Geometry geometry;
  if (ComputeGeometry(options, &geometry) != Status::kOk) {
    *error = {Status::kBadOptions, 0,
              "memory must leave room for at least " + std::to_string(kMinSegments) + " segments, got " +
                  std::to_string(options.memory_bytes) + " bytes with entries of " +
                  std::to_string(options.average_entry_bytes) + " bytes"};
    return false;
  }
  RemoveAbandonedFiles(dir_fd);
  Secrets secrets;
  if (getrandom(&secrets, sizeof(secrets), 0) != static_cast<ssize_t>(sizeof(secrets))) {
    return Refuse(error, Status::kSystem, "getrandom");
  }
  char temporary[40];
  snprintf(temporary, sizeof(temporary), ".new-%016" PRIx64, secrets.file_id);
  int fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return Refuse(error, Status::kSystem, dir + "/" + temporary);
  // The lock tells others that the creator lives; before it was taken the file may be swept away.
  *lost_race = !LockFirstByte(fd);
  KILL_POINT(region_created);
  bool made = !*lost_race && Fill(fd, dir, geometry, secrets, error);
  if (made) {
    KILL_POINT(region_initialised);
    // Without overwriting: of two creators one wins and the other attaches to the winner's region.
    made = syscall(SYS_renameat2, dir_fd, temporary, dir_fd, file.c_str(), 1 /* RENAME_NOREPLACE */) == 0;
    *lost_race = !made && (errno == EEXIST || errno == ENOENT);
    if (!made && !*lost_race) Refuse(error, Status::kSystem, dir + "/" + file);
  }
  if (!made) unlinkat(dir_fd, temporary, 0);
  close(fd);
  return made;
}

}  // namespace strata
