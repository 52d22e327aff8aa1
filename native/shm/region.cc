#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

#include "shm/host_identity.h"
#include "shm/region_create.h"

namespace strata {
namespace {

constexpr int kMaxNames = 8;  // refused files under one name before giving up

std::string Errno() { return std::string(": ") + strerror(errno); }

}  // namespace

// One attempt to open a region; holds what must be closed when it fails.
class RegionOpener {
 public:
  RegionOpener(std::string dir, std::string name, const RegionOptions& options, RegionError* error,
               std::string* warnings)
      : dir_(std::move(dir)), name_(std::move(name)), options_(options), error_(error), warnings_(warnings) {
    if (dir_.empty()) dir_ = "/dev/shm/stratacache-" + std::to_string(geteuid());
  }
  ~RegionOpener() {
    if (dir_fd_ >= 0) close(dir_fd_);
  }

  Region* Run() {
    if (!OpenDirectory()) return nullptr;
    // A name may vanish or appear between looking and creating; every round sees a changed directory.
    for (int round = 0; round < 64; round++) {
      int free_index = -1;
      bool retry = false;
      for (int index = 0; index < kMaxNames && !retry; index++) {
        bool exists = false;
        if (Region* region = TryAttach(FileName(index), &exists, &retry)) return region;
        if (error_->status != Status::kOk) return nullptr;
        if (exists) free_index = -1;  // a fresh region goes behind every refused one
        else if (free_index < 0) free_index = index;
      }
      if (retry) continue;
      if (free_index < 0) {
        Fail(Status::kRegionForeign, 0, dir_ + ": all " + std::to_string(kMaxNames) + " names of region '" + name_ +
                                            "' are taken by files that were refused");
        return nullptr;
      }
      bool lost_race = false;
      if (!CreateRegionFile(dir_fd_, dir_, FileName(free_index), options_, &lost_race, error_) && !lost_race) return nullptr;
    }
    Fail(Status::kSystem, EAGAIN, dir_ + ": region '" + name_ + "' keeps changing");
    return nullptr;
  }

 private:
  std::string FileName(int index) const {
    char suffix[40];
    snprintf(suffix, sizeof(suffix), ".%08" PRIx32 ".%d", static_cast<uint32_t>(LayoutFingerprint()), index);
    return name_ + suffix;
  }

  void Fail(Status status, int system_errno, std::string detail) {
    *error_ = {status, system_errno, std::move(detail)};
  }

  void Refuse(Status status, const std::string& file, const std::string& why) {
    *warnings_ += std::string(StatusName(status)) + ": " + dir_ + "/" + file + ": " + why + "\n";
  }

  bool OpenDirectory() {
    if (mkdir(dir_.c_str(), 0700) != 0 && errno != EEXIST) {
      Fail(errno == ENOSPC ? Status::kNoSpace : Status::kSystem, errno, "cannot create directory " + dir_ + Errno());
      return false;
    }
    dir_fd_ = open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir_fd_ < 0) {
      bool unsafe = errno == ELOOP || errno == ENOTDIR;
      Fail(unsafe ? Status::kDirectoryUnsafe : Status::kSystem, errno,
           dir_ + " must be a directory, not a link or file" + Errno());
      return false;
    }
    struct stat s;
    if (fstat(dir_fd_, &s) != 0) {
      Fail(Status::kSystem, errno, dir_ + Errno());
      return false;
    }
    // An access control list that grants anything shows in the group bits as its mask.
    if (s.st_uid != geteuid() || (s.st_mode & 07777) != 0700) {
      char found[96];
      snprintf(found, sizeof(found), " must have mode 0700 and owner %u, has %04o and %u", geteuid(),
               s.st_mode & 07777, s.st_uid);
      Fail(Status::kDirectoryUnsafe, 0, dir_ + found);
      return false;
    }
    return true;
  }

  bool LeadsTo(const std::string& file, const struct stat& expected) const {
    struct stat s;
    return fstatat(dir_fd_, file.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 && s.st_dev == expected.st_dev &&
           s.st_ino == expected.st_ino;
  }

  Region* TryAttach(const std::string& file, bool* exists, bool* retry) {
    int fd = openat(dir_fd_, file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT) return nullptr;
      *exists = true;
      Refuse(Status::kRegionForeign, file, strerror(errno));
      return nullptr;
    }
    *exists = true;
    auto region = std::unique_ptr<Region>(new Region());
    region->fd_ = fd;
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_uid != geteuid() || (s.st_mode & 07777) != 0600 ||
        s.st_nlink > 1) {
      Refuse(Status::kRegionForeign, file, "must be a regular file of this user with mode 0600 and one name");
      return nullptr;
    }
    if (s.st_nlink == 0) {  // removed while it was being opened
      *retry = true;
      return nullptr;
    }
    std::string why;
    Status status = Examine(fd, static_cast<uint64_t>(s.st_size), &region->geometry_, &why);
    if (status == Status::kRegionBoot) {
      // Nobody of this boot is attached to it, so its name can be given away. The lock and the second look
      // keep two openers from removing each other's fresh region.
      Refuse(status, file, why);
      if (LockFirstByte(fd) && LeadsTo(file, s)) unlinkat(dir_fd_, file.c_str(), 0);
      *retry = true;
      return nullptr;
    }
    if (status != Status::kOk) {
      Refuse(status, file, why);
      return nullptr;
    }
    return Map(std::move(region), s, file);
  }

  // Reads the header with pread, so that nothing of a hostile file is mapped before it was checked.
  Status Examine(int fd, uint64_t size, Geometry* geometry, std::string* why) {
    auto h = std::make_unique<RegionHeader>();
    if (size < sizeof(RegionHeader) || pread(fd, static_cast<void*>(h.get()), sizeof(RegionHeader), 0) !=
                                           static_cast<ssize_t>(sizeof(RegionHeader))) {
      *why = "shorter than a header";
      return Status::kRegionTorn;
    }
    if (h->magic.load(kRelaxed) != kRegionMagic) {
      *why = "not a complete region";
      return Status::kRegionTorn;
    }
    if (h->layout_fingerprint != LayoutFingerprint()) {
      *why = "made with another layout";
      return Status::kRegionLayout;
    }
    if (h->geometry.file_bytes != size || !IsConsistent(h->geometry)) {
      *why = "sizes contradict each other";
      return Status::kRegionTorn;
    }
    if (h->boot_id_hash != BootIdHash() || h->time_namespace != TimeNamespace()) {
      *why = "made in another boot or time namespace";
      return h->boot_id_hash != BootIdHash() ? Status::kRegionBoot : Status::kRegionForeign;
    }
    *geometry = h->geometry;
    return Status::kOk;
  }

  Region* Map(std::unique_ptr<Region> region, const struct stat& s, const std::string& file) {
    void* base = mmap(nullptr, region->geometry_.file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd_, 0);
    if (base == MAP_FAILED) {
      Fail(Status::kSystem, errno, dir_ + "/" + file + ": cannot map" + Errno());
      return nullptr;
    }
    madvise(base, region->geometry_.file_bytes, MADV_DONTDUMP);
    region->base_ = static_cast<uint8_t*>(base);
    region->device_ = s.st_dev;
    region->inode_ = s.st_ino;
    region->path_ = dir_ + "/" + file;
    region->dir_fd_ = dir_fd_;
    dir_fd_ = -1;
    // SYNC(region-ready): acquire. Pairs with the creator's store of the magic.
    region->header().magic.load(kAcquire);
    return region.release();
  }

  std::string dir_, name_;
  RegionOptions options_;
  RegionError* error_;
  std::string* warnings_;
  int dir_fd_ = -1;
};

Region* Region::Open(const std::string& dir, const std::string& name, const RegionOptions& options,
                     RegionError* error, std::string* warnings) {
  return RegionOpener(dir, name, options, error, warnings).Run();
}

Region::~Region() {
  if (base_ != nullptr) munmap(base_, geometry_.file_bytes);
  if (fd_ >= 0) close(fd_);
  if (dir_fd_ >= 0) close(dir_fd_);
}

bool Region::IsUnlinked() const {
  struct stat s;
  return fstat(fd_, &s) == 0 && s.st_nlink == 0;
}

void Region::Prefault(uint64_t offset, uint64_t bytes) const {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  if (offset < geometry_.file_bytes) madvise(base_ + offset, std::min(bytes, geometry_.file_bytes - offset), kPopulateWrite);
}

void Region::Unlink() {
  std::string file = path_.substr(path_.rfind('/') + 1);
  struct stat s;
  if (fstatat(dir_fd_, file.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (s.st_dev == device_ && s.st_ino == inode_) unlinkat(dir_fd_, file.c_str(), 0);
}

}  // namespace strata
