#include "test/native/region_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>

#include "base/hash.h"
#include "shm/host_identity.h"
#include "test/native/fixture.h"

namespace strata::test {

std::string RegionFile(const std::string& dir, const std::string& name, int index) {
  char suffix[40];
  snprintf(suffix, sizeof(suffix), ".%08" PRIx32 ".%d", static_cast<uint32_t>(LayoutFingerprint()), index);
  return dir + "/" + name + suffix;
}

void MakeRegion(const std::string& file, const RegionOptions& options) {
  Directory dir;
  RegionError error;
  std::string warnings;
  std::unique_ptr<Region> region(Region::Open(dir.path(), "made", options, &error, &warnings));
  if (region == nullptr) return Fail(__FILE__, __LINE__, error.detail);
  CHECK(rename(region->path().c_str(), file.c_str()) == 0);
}

void ChangeHeader(const std::string& file, const std::function<void(RegionHeader*)>& change) {
  int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  void* at = mmap(nullptr, sizeof(RegionHeader), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return Fail(__FILE__, __LINE__, "cannot map " + file);
  change(static_cast<RegionHeader*>(at));
  munmap(at, sizeof(RegionHeader));
  close(fd);
}

void WriteFile(const std::string& file, const std::string& content, unsigned mode) {
  int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  CHECK(fd >= 0 && write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  CHECK(fchmod(fd, mode) == 0);
  close(fd);
}

int CountFiles(const std::string& dir) {
  int count = 0;
  int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ForEachName(fd, [&count](const char* name) { count += std::string(name) != "." && std::string(name) != ".."; });
  close(fd);
  return count;
}

std::string Fingerprint(const std::string& file) {
  struct stat s;
  if (lstat(file.c_str(), &s) != 0) return "gone";
  std::string print = std::to_string(s.st_ino) + " " + std::to_string(s.st_mode) + " " + std::to_string(s.st_uid) + " " +
                      std::to_string(s.st_size) + " " + std::to_string(s.st_mtim.tv_nsec);
  if (!S_ISREG(s.st_mode)) return print;
  int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  std::string content(static_cast<size_t>(s.st_size), '\0');
  CHECK(pread(fd, content.data(), content.size(), 0) == s.st_size);
  close(fd);
  return print + " " + std::to_string(HashKey(1, 0, reinterpret_cast<const uint8_t*>(content.data()),
                                              static_cast<uint32_t>(content.size())));
}

}  // namespace strata::test
