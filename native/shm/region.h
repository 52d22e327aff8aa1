// The region: one file of a private directory, mapped into this process.
//
// Created under a temporary name, allocated in full, initialised, then renamed into place; so a name in the
// directory always shows a complete region, and a full file system is an error here instead of SIGBUS later.
// A file that is not ours, not whole, or of another layout is left alone and a fresh region takes the next name.
#pragma once

#include <string>

#include "base/status.h"
#include "shm/geometry.h"
#include "shm/layout.h"

namespace strata {

struct RegionError {
  Status status = Status::kOk;
  int system_errno = 0;
  std::string detail;  // what was found and what was expected, with the path
};

class Region {
 public:
  // Attaches to the region `name` in `dir` or creates it. An empty `dir` means /dev/shm/stratacache-<uid>.
  // Returns nullptr with `error` filled. `warnings` tells which files were refused on the way.
  static Region* Open(const std::string& dir, const std::string& name, const RegionOptions& options,
                      RegionError* error, std::string* warnings);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  const std::string& path() const { return path_; }
  uint64_t device() const { return device_; }
  uint64_t inode() const { return inode_; }
  int fd() const { return fd_; }
  // True if the region's name no longer leads to this file: later openers will meet in another one.
  bool IsUnlinked() const;
  // Maps a part of the file's pages now, so that no later access pays for a page fault. Memory is not taken by it:
  // the file was allocated in full. Where the kernel cannot do it, nothing happens.
  void Prefault(uint64_t offset, uint64_t bytes) const;
  // Removes the name if it still leads to this file. Those attached keep the region.
  void Unlink();

  RegionHeader& header() const { return *reinterpret_cast<RegionHeader*>(base_); }
  // A private copy, so that no later change in shared memory can move a bound.
  const Geometry& geometry() const { return geometry_; }
  Atomic<uint32_t>* generations() const { return At<Atomic<uint32_t>>(geometry_.generations_at); }
  ThreadSlot* threads() const { return At<ThreadSlot>(geometry_.threads_at); }
  ThreadStats* stats() const { return At<ThreadStats>(geometry_.stats_at); }
  Segment* segments() const { return At<Segment>(geometry_.segments_at); }
  NamespaceEntry* namespaces() const { return At<NamespaceEntry>(geometry_.namespaces_at); }
  uint8_t* names() const { return At<uint8_t>(geometry_.names_at); }
  Atomic<uint64_t>* interest() const { return At<Atomic<uint64_t>>(geometry_.interest_at); }
  Bucket* buckets() const { return At<Bucket>(geometry_.buckets_at); }
  Atomic<uint32_t>* ghost() const { return At<Atomic<uint32_t>>(geometry_.ghost_at); }
  uint8_t* data() const { return At<uint8_t>(geometry_.data_at); }

 private:
  Region() = default;
  template <class T>
  T* At(uint64_t offset) const { return reinterpret_cast<T*>(base_ + offset); }

  std::string path_;
  int dir_fd_ = -1;
  int fd_ = -1;
  uint64_t device_ = 0, inode_ = 0;
  uint8_t* base_ = nullptr;
  Geometry geometry_{};

  friend class RegionOpener;
};

}  // namespace strata
