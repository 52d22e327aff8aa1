#include "shm/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "shm/host_identity.h"
#include "shm/liveness.h"
#include "shm/pages.h"
#include "shm/private_file_adopt.h"
#include "shm/private_file_create.h"

namespace strata {
namespace {

constexpr int kMaxNames = 8;  // refused files under one name before giving up
constexpr int kRounds = 64, kBusyRounds = 48;
constexpr useconds_t kLockedUs = 1000, kBusyUs = 10000;

std::string Errno() { return std::string(": ") + strerror(errno); }

}  // namespace

std::string DefaultDirectory() { return "/dev/shm/stratacache-" + std::to_string(geteuid()); }

bool IsPrivate(const struct stat& file) {
  return S_ISREG(file.st_mode) && file.st_uid == geteuid() && (file.st_mode & 07777) == 0600 && file.st_nlink <= 1;
}

bool LeadsTo(int dir_fd, const std::string& file, const struct stat& expected) {
  struct stat s;
  return fstatat(dir_fd, file.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 && s.st_dev == expected.st_dev &&
         s.st_ino == expected.st_ino;
}

// One attempt to open a file; holds what must be closed when it fails.
class FileOpener {
 public:
  FileOpener(std::string dir, const FileKind& kind, PrivateFile* out, RegionError* error, std::string* warnings)
      : dir_(std::move(dir)), kind_(kind), out_(out), error_(error), warnings_(warnings) {
    if (dir_.empty()) dir_ = DefaultDirectory();
  }
  ~FileOpener() {
    if (dir_fd_ >= 0) close(dir_fd_);
  }

  bool Run() {
    if (!OpenDirectory()) return false;
    // A name may vanish or appear between looking and creating; every round sees a changed directory.
    for (int round = 0; round < kRounds; round++) {
      int free_index = -1;
      bool retry = false;
      for (int index = 0; index < kMaxNames && !retry; index++) {
        bool exists = false;
        if (TryAttach(FileName(index), &exists, &retry)) return true;
        if (error_->status != Status::kOk) return false;
        if (exists) free_index = -1;  // a fresh file goes behind every refused one
        else if (free_index < 0) free_index = index;
      }
      if (retry) continue;
      if (free_index < 0) {
        Fail(Status::kRegionForeign, 0, dir_ + ": all " + std::to_string(kMaxNames) + " names of " + kind_.noun + " '" +
                                            kind_.base_name + "' are taken by files that were refused");
        return false;
      }
      const Adoption adoption = AdoptPrivateFile(dir_fd_, FileName(free_index), kind_);
      // Whoever stands still with one is not waited for in the end.
      if (adoption == Adoption::kBusy && round < kBusyRounds) usleep(kBusyUs);
      if (adoption == Adoption::kDone || (adoption == Adoption::kBusy && round < kBusyRounds)) continue;
      if (!kind_.fill) {
        Fail(Status::kMiss, 0, "");
        return false;
      }
      bool lost_race = false;
      if (!CreatePrivateFile(dir_fd_, dir_, FileName(free_index), kind_, &lost_race, error_) && !lost_race) return false;
    }
    Fail(Status::kSystem, EAGAIN, dir_ + ": " + kind_.noun + " '" + kind_.base_name + "' keeps changing");
    return false;
  }

 private:
  std::string FileName(int index) const { return kind_.base_name + "." + std::to_string(index); }

  void Fail(Status status, int system_errno, std::string detail) {
    *error_ = {status, system_errno, std::move(detail)};
  }

  bool Refuse(Status status, const std::string& file, const std::string& why) {
    *warnings_ += std::string(StatusName(status)) + ": " + dir_ + "/" + file + ": " + why + "\n";
    return false;
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

  bool TryAttach(const std::string& file, bool* exists, bool* retry) {
    int fd = openat(dir_fd_, file.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
      if (errno == ENOENT) return false;
      *exists = true;
      return Refuse(Status::kRegionForeign, file, strerror(errno));
    }
    *exists = true;
    const bool attached = Attach(fd, file, retry);
    if (!attached) close(fd);
    return attached;
  }

  bool Attach(int fd, const std::string& file, bool* retry) {
    struct stat s;
    if (fstat(fd, &s) != 0 || !IsPrivate(s)) {
      return Refuse(Status::kRegionForeign, file, "must be a regular file of this user with mode 0600 and one name");
    }
    if (s.st_nlink == 0) {  // removed while it was being opened
      *retry = true;
      return false;
    }
    std::string why;
    Status status = kind_.examine(fd, static_cast<uint64_t>(s.st_size), &why);
    if (status == Status::kRegionBoot) {
      // Nobody of this boot is attached to it, so its name can be given away. The lock and the second look
      // keep two openers from removing each other's fresh file.
      Refuse(status, file, why);
      if (LockFirstByte(fd) && LeadsTo(dir_fd_, file, s)) unlinkat(dir_fd_, file.c_str(), 0);
      *retry = true;
      return false;
    }
    if (status != Status::kOk) return Refuse(status, file, why);
    if (kind_.attach_lock != 0 && !(LockByte(fd, F_RDLCK, kind_.attach_lock) && LeadsTo(dir_fd_, file, s))) {
      usleep(kLockedUs);  // somebody gives it another name
      *retry = true;
      return false;
    }
    return Map(fd, s, file);
  }

  bool Map(int fd, const struct stat& s, const std::string& file) {
    const auto bytes = static_cast<uint64_t>(s.st_size);
    void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
      Fail(Status::kSystem, errno, dir_ + "/" + file + ": cannot map" + Errno());
      return false;
    }
    madvise(base, bytes, MADV_DONTDUMP);
    out_->base_ = static_cast<uint8_t*>(base);
    out_->bytes_ = bytes;
    out_->fd_ = fd;
    out_->device_ = s.st_dev;
    out_->inode_ = s.st_ino;
    out_->path_ = dir_ + "/" + file;
    out_->dir_fd_ = dir_fd_;
    dir_fd_ = -1;
    return true;
  }

  std::string dir_;
  const FileKind& kind_;
  PrivateFile* out_;
  RegionError* error_;
  std::string* warnings_;
  int dir_fd_ = -1;
};

bool PrivateFile::Open(const std::string& dir, const FileKind& kind, RegionError* error, std::string* warnings) {
  return FileOpener(dir, kind, this, error, warnings).Run();
}

PrivateFile::~PrivateFile() {
  if (base_ != nullptr) munmap(base_, bytes_);
  if (fd_ >= 0) close(fd_);
  if (dir_fd_ >= 0) close(dir_fd_);
}

bool PrivateFile::IsUnlinked() const {
  struct stat s;
  return fstat(fd_, &s) == 0 && s.st_nlink == 0;
}

void PrivateFile::Prefault(uint64_t offset, uint64_t bytes) const {
  if (offset < bytes_) MapAhead(base_ + offset, std::min(bytes, bytes_ - offset));
}

void PrivateFile::Unlink() {
  std::string file = path_.substr(path_.rfind('/') + 1);
  struct stat s;
  if (fstatat(dir_fd_, file.c_str(), &s, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (s.st_dev == device_ && s.st_ino == inode_) unlinkat(dir_fd_, file.c_str(), 0);
}

}  // namespace strata
