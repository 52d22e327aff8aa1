#include "shm/host_identity.h"

#include <sys/stat.h>

#include "base/hash.h"

namespace strata {

uint64_t BootIdHash() {
  char id[64] = {};
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t bytes = fd >= 0 ? read(fd, id, sizeof(id)) : 0;
  if (fd >= 0) close(fd);
  return HashKey(1, 0, reinterpret_cast<const uint8_t*>(id), bytes > 0 ? static_cast<size_t>(bytes) : 0);
}

uint64_t TimeNamespace() {
  struct stat s;
  return stat("/proc/self/ns/time", &s) == 0 ? static_cast<uint64_t>(s.st_ino) : 0;
}

}  // namespace strata
