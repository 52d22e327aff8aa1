// A private file of another life, taken on under a name of this one.
#pragma once

#include <functional>
#include <string>

#include "shm/private_file.h"

namespace strata {

// kBusy: somebody else is at work on one.
enum class Adoption { kDone, kNone, kBusy };

// As `kind` says; kNone also where `file` is there by now. What is found of an earlier boot is removed. Who dies on the way
// leaves a file that is found again, under the old name and for `kind.adopt` to go on with.
Adoption AdoptPrivateFile(int dir_fd, const std::string& file, const FileKind& kind);

// Every `<base>.<16 hexadecimal digits>.<0..7>` in the directory, open for reading. An empty `dir` as in PrivateFile::Open.
void ForEachPrivateFile(const std::string& dir, const std::string& base, const std::function<void(int fd, uint64_t size)>& visit);

}  // namespace strata
