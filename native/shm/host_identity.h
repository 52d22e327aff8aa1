// What tells this host's clock from another's, and a walk over a directory's names.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace strata {

// For people: liveness is decided by file locks.
inline uint32_t ProcessId() { return static_cast<uint32_t>(getpid()); }
inline uint32_t ThreadId() { return static_cast<uint32_t>(syscall(SYS_gettid)); }

// Hash of the kernel's boot id; monotonic times of different boots cannot be compared.
uint64_t BootIdHash();

// Identity of the time namespace: containers may shift the monotonic clock.
uint64_t TimeNamespace();

template <class Visit>
void ForEachName(int dir_fd, Visit visit) {
  int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return;
  DIR* dir = fdopendir(copy);
  if (dir == nullptr) {
    close(copy);
    return;
  }
  while (dirent* entry = readdir(dir)) visit(entry->d_name);
  closedir(dir);
}

}  // namespace strata
