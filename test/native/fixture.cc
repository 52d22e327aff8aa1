#include "test/native/fixture.h"

#include <dirent.h>
#include <fcntl.h>

#include "shm/host_identity.h"

namespace strata::test {

Directory::~Directory() {
  int dir = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    ForEachName(dir, [dir](const char* name) {
      if (std::string(name) != "." && std::string(name) != "..") unlinkat(dir, name, 0);
    });
    close(dir);
  }
  rmdir(path_.c_str());
}

}  // namespace strata::test
