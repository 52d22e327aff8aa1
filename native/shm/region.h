// The region: one file of a private directory, mapped into this process.
//
// How it is found, made and refused is in private_file.h.
#pragma once

#include <string>

#include "shm/geometry.h"
#include "shm/layout.h"
#include "shm/private_file.h"

namespace strata {

class Region {
 public:
  // Attaches to the region `name` in `dir` or creates it. An empty `dir` means /dev/shm/stratacache-<uid>.
  // Returns nullptr with `error` filled. `warnings` tells which files were refused on the way.
  static Region* Open(const std::string& dir, const std::string& name, const RegionOptions& options,
                      RegionError* error, std::string* warnings);
  ~Region() = default;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  const std::string& path() const { return file_.path(); }
  uint64_t device() const { return file_.device(); }
  uint64_t inode() const { return file_.inode(); }
  int fd() const { return file_.fd(); }
  // True if the region's name no longer leads to this file: later openers will meet in another one.
  bool IsUnlinked() const { return file_.IsUnlinked(); }
  // Maps a part of the file's pages now. Memory is not taken by it: the file was allocated in full. Where the kernel
  // cannot do it, nothing happens.
  void Prefault(uint64_t offset, uint64_t bytes) const { file_.Prefault(offset, bytes); }
  // Removes the name if it still leads to this file. Those attached keep the region.
  void Unlink() { file_.Unlink(); }

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
  TagSlot* tags() const { return At<TagSlot>(geometry_.tags_at); }
  Quota* quotas() const { return At<Quota>(geometry_.quotas_at); }
  Atomic<uint32_t>* holds() const { return At<Atomic<uint32_t>>(geometry_.holds_at); }
  Bucket* buckets() const { return At<Bucket>(geometry_.buckets_at); }
  Atomic<uint32_t>* ghost() const { return At<Atomic<uint32_t>>(geometry_.ghost_at); }
  uint8_t* data() const { return At<uint8_t>(geometry_.data_at); }

 private:
  Region() = default;
  template <class T>
  T* At(uint64_t offset) const { return reinterpret_cast<T*>(base_ + offset); }

  PrivateFile file_;
  uint8_t* base_ = nullptr;  // of file_; here so that a read follows one pointer
  Geometry geometry_{};
};

}  // namespace strata
