#include "shm/private_file_adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "shm/host_identity.h"
#include "shm/liveness.h"

namespace strata {
namespace {

bool IsOfALife(const std::string& name, const std::string& base) {
  constexpr size_t kId = 16;
  const size_t id = base.size() + 1, end = id + kId;
  return name.size() == end + 2 && name.compare(0, base.size(), base) == 0 && name[base.size()] == '.' &&
         name.find_first_not_of("0123456789abcdef", id) == end && name[end] == '.' && name[end + 1] >= '0' && name[end + 1] <= '7';
}

Adoption Adopt(int dir_fd, int fd, const std::string& from, const std::string& to, const FileKind& kind) {
  struct stat s;
  std::string why;
  if (fstat(fd, &s) != 0 || !IsPrivate(s)) return Adoption::kNone;
  const auto bytes = static_cast<uint64_t>(s.st_size);
  const Status status = kind.examine(fd, bytes, &why);
  if (status != Status::kOk && status != Status::kRegionBoot) return Adoption::kNone;
  if (!LockByte(fd, F_WRLCK, kind.attach_lock)) return IsLockedAlone(fd, kind.attach_lock) ? Adoption::kBusy : Adoption::kNone;
  if (!LeadsTo(dir_fd, from, s)) return Adoption::kBusy;  // somebody was faster: it may have the name that is looked for
  if (status == Status::kRegionBoot) {
    unlinkat(dir_fd, from.c_str(), 0);
    return Adoption::kNone;
  }
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return Adoption::kNone;
  const bool is_wanted = kind.adopt(base);
  munmap(base, bytes);
  if (!is_wanted) return Adoption::kNone;
  // Without overwriting: of two that open the first file of a life one wins, and the other attaches to the winner's.
  return syscall(SYS_renameat2, dir_fd, from.c_str(), dir_fd, to.c_str(), 1 /* RENAME_NOREPLACE */) == 0 ? Adoption::kDone : Adoption::kNone;
}

std::vector<std::string> NamesOfLives(int dir_fd, const std::string& base) {
  std::vector<std::string> names;
  ForEachName(dir_fd, [&](const char* name) {
    if (IsOfALife(name, base)) names.push_back(name);
  });
  return names;
}

}  // namespace

Adoption AdoptPrivateFile(int dir_fd, const std::string& file, const FileKind& kind) {
  if (kind.adopts_from.empty()) return Adoption::kNone;
  bool is_busy = false;
  for (const std::string& name : NamesOfLives(dir_fd, kind.adopts_from)) {
    if (name == file) continue;
    const int fd = openat(dir_fd, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
      is_busy |= errno == ENOENT;
      continue;
    }
    const Adoption adoption = Adopt(dir_fd, fd, name, file, kind);
    close(fd);
    if (adoption == Adoption::kDone) return adoption;
    is_busy |= adoption == Adoption::kBusy;
  }
  return is_busy ? Adoption::kBusy : Adoption::kNone;
}

void ForEachPrivateFile(const std::string& dir, const std::string& base, const std::function<void(int fd, uint64_t size)>& visit) {
  const std::string path = dir.empty() ? DefaultDirectory() : dir;
  const int dir_fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir_fd < 0) return;
  for (const std::string& name : NamesOfLives(dir_fd, base)) {
    const int fd = openat(dir_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat s;
    if (fd >= 0 && fstat(fd, &s) == 0 && IsPrivate(s)) visit(fd, static_cast<uint64_t>(s.st_size));
    if (fd >= 0) close(fd);
  }
  close(dir_fd);
}

}  // namespace strata
