#include "shm/private_file_create.h"

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
#include "shm/host_identity.h"

namespace strata {
namespace {

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

}  // namespace

bool AllocateFile(int fd, const std::string& dir, const char* noun, uint64_t bytes, RegionError* error) {
  if (fchmod(fd, 0600) != 0) return Refuse(error, Status::kSystem, dir);
  int result;
  do {
    result = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (result == EINTR);
  if (result == 0) return true;
  errno = result;
  return Refuse(error, Status::kSystem, dir + " cannot hold a " + noun + " of " + std::to_string(bytes) + " bytes");
}

bool WriteStart(int fd, const std::string& dir, uint64_t bytes, const std::function<void(void*)>& write,
                RegionError* error) {
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return Refuse(error, Status::kSystem, dir + ": cannot map");
  write(base);
  munmap(base, bytes);
  return true;
}

bool ReadStart(int fd, void* to, uint64_t bytes) { return pread(fd, to, bytes, 0) == static_cast<ssize_t>(bytes); }

bool RandomBytes(void* to, size_t bytes, RegionError* error) {
  if (getrandom(to, bytes, 0) == static_cast<ssize_t>(bytes)) return true;
  return Refuse(error, Status::kSystem, "getrandom");
}

bool CreatePrivateFile(int dir_fd, const std::string& dir, const std::string& file, const FileKind& kind,
                       bool* lost_race, RegionError* error) {
  *lost_race = false;
  RemoveAbandonedFiles(dir_fd);
  uint64_t file_id;
  if (!RandomBytes(&file_id, sizeof(file_id), error)) return false;
  char temporary[40];
  snprintf(temporary, sizeof(temporary), ".new-%016" PRIx64, file_id);
  int fd = openat(dir_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return Refuse(error, Status::kSystem, dir + "/" + temporary);
  // The lock tells others that the creator lives; before it was taken the file may be swept away.
  *lost_race = !LockFirstByte(fd);
  KILL_POINT(region_created);
  bool made = !*lost_race && kind.fill(fd, dir, error);
  if (made) {
    KILL_POINT(region_initialised);
    // Without overwriting: of two creators one wins and the other attaches to the winner's file.
    made = syscall(SYS_renameat2, dir_fd, temporary, dir_fd, file.c_str(), 1 /* RENAME_NOREPLACE */) == 0;
    *lost_race = !made && (errno == EEXIST || errno == ENOENT);
    if (!made && !*lost_race) Refuse(error, Status::kSystem, dir + "/" + file);
  }
  if (!made) unlinkat(dir_fd, temporary, 0);
  close(fd);
  return made;
}

}  // namespace strata
