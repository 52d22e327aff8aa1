// Who is alive: one kernel file lock per thread slot, held through an open file description of its own.
//
// The kernel drops the lock when the description dies, whatever killed the process, so obtaining it proves
// the former holder's death and gives the sole right to repair what it left. A stopped process keeps it.
#pragma once

#include <cstdint>

namespace strata {

// Takes a lock of the description behind `fd` itself, until that is closed: F_RDLCK shared with others, F_WRLCK alone. Never
// waits.
bool LockByte(int fd, short type, uint64_t byte);

// True if a description of its own, of any process, has the lock alone.
bool IsLockedAlone(int fd, uint64_t byte);

// An open file description on the region's file, able to hold and query open-file-description locks.
class LockHandle {
 public:
  LockHandle() = default;
  ~LockHandle();
  LockHandle(const LockHandle&) = delete;
  LockHandle& operator=(const LockHandle&) = delete;

  // Opens a description of its own of the file behind `fd`. False with errno on failure.
  bool Open(int fd);
  void Close();
  bool is_open() const { return fd_ >= 0; }
  // Never waits. True if the lock is now held by this handle.
  bool TryLock(uint64_t byte);
  void Unlock(uint64_t byte);
  // True if some other handle, of any process, holds the lock.
  bool IsHeldByOther(uint64_t byte) const;

 private:
  int fd_ = -1;
};

}  // namespace strata
