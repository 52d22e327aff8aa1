// A file of a private directory that processes share: found and checked, or made whole under a temporary name first.
//
// A name in the directory always shows a complete file, and a full file system is an error at creation instead of
// SIGBUS later. A file that is not ours, not whole, or of another layout is left alone and a fresh one takes the
// next name.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "base/status.h"

namespace strata {

struct RegionError {
  Status status = Status::kOk;
  int system_errno = 0;
  std::string detail;  // what was found and what was expected, with the path
};

// What one kind of file has of its own.
struct FileKind {
  const char* noun;       // for messages
  std::string base_name;  // "<name>.<fingerprint>"; files are "<base_name>.<0..7>"
  // Reads the header with pread, so that nothing of a hostile file is mapped before it was checked. kRegionBoot gives
  // the name away if nobody is at work on the file.
  std::function<Status(int fd, uint64_t size, std::string* why)> examine;
  // Sets size and contents of the new file. False with the error filled. nullptr: none is made, and opening ends with kMiss.
  std::function<bool(int fd, const std::string& dir, RegionError* error)> fill;
  // Whoever is attached holds the lock of this byte, shared; 0: none does.
  uint64_t attach_lock = 0;
  // Before a new file is made, one `<adopts_from>.<16 hexadecimal digits>.<0..7>` is looked for that nobody is attached to any
  // more; it is changed by `adopt`, unless that says false, and gets the name. '': none is.
  std::string adopts_from;
  std::function<bool(void* at)> adopt;
};

std::string DefaultDirectory();

// A regular file of this user alone, under one name.
bool IsPrivate(const struct stat& file);

// True if `file` in the directory is the file that `expected` tells of.
bool LeadsTo(int dir_fd, const std::string& file, const struct stat& expected);

// The whole file, mapped. Owns the mapping and both descriptors.
class PrivateFile {
 public:
  PrivateFile() = default;
  ~PrivateFile();
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  // Attaches to the file or creates it. An empty `dir` means /dev/shm/stratacache-<uid>. False with `error` filled;
  // `warnings` tells which files were refused on the way.
  bool Open(const std::string& dir, const FileKind& kind, RegionError* error, std::string* warnings);

  uint8_t* base() const { return base_; }
  uint64_t bytes() const { return bytes_; }
  const std::string& path() const { return path_; }
  uint64_t device() const { return device_; }
  uint64_t inode() const { return inode_; }
  int fd() const { return fd_; }
  bool IsUnlinked() const;
  void Prefault(uint64_t offset, uint64_t bytes) const;
  void Unlink();

 private:
  std::string path_;
  int dir_fd_ = -1;
  int fd_ = -1;
  uint64_t device_ = 0, inode_ = 0, bytes_ = 0;
  uint8_t* base_ = nullptr;

  friend class FileOpener;
};

// Gives the file `bytes` of real memory and mode 0600. For `fill`.
bool AllocateFile(int fd, const std::string& dir, const char* noun, uint64_t bytes, RegionError* error);

// Maps the first `bytes` of a new file while `write` fills them. For `fill`.
bool WriteStart(int fd, const std::string& dir, uint64_t bytes, const std::function<void(void*)>& write,
                RegionError* error);

// Fills `to` from the start of the file; false if it is shorter. For `examine`.
bool ReadStart(int fd, void* to, uint64_t bytes);

// Random bytes of the kernel. False with the error filled.
bool RandomBytes(void* to, size_t bytes, RegionError* error);

}  // namespace strata
