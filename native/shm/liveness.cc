#include "shm/liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace strata {
namespace {

// A range that ends where the file's lock bytes end when `bytes` is 0.
flock LockOf(short type, uint64_t byte, uint64_t bytes = 1) {
  flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = static_cast<off_t>(bytes);
  return lock;
}

}  // namespace

bool LockByte(int fd, short type, uint64_t byte) {
  flock lock = LockOf(type, byte);
  int result;
  do {
    result = fcntl(fd, F_OFD_SETLK, &lock);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool IsLockedAlone(int fd, uint64_t byte) {
  flock lock = LockOf(F_WRLCK, byte);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
}

LockHandle::~LockHandle() { Close(); }

bool LockHandle::Open(int fd) {
  // Through /proc the same inode is opened even after its name is gone or points elsewhere.
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  fd_ = open(path, O_RDWR | O_CLOEXEC);
  return fd_ >= 0;
}

void LockHandle::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

bool LockHandle::TryLock(uint64_t byte) { return LockByte(fd_, F_WRLCK, byte); }

void LockHandle::Unlock(uint64_t byte) {
  flock lock = LockOf(F_UNLCK, byte);
  fcntl(fd_, F_OFD_SETLK, &lock);
}

bool LockHandle::IsHeldByOther(uint64_t byte) const {
  flock lock = LockOf(F_WRLCK, byte);
  // When the query itself fails nothing is proven, and the unproven dead are treated as alive.
  if (fcntl(fd_, F_OFD_GETLK, &lock) != 0) return true;
  return lock.l_type != F_UNLCK;
}

}  // namespace strata
