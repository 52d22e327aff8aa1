// Making a private file: complete and under its final name, or not at all.
#pragma once

#include <fcntl.h>

#include <string>

#include "shm/liveness.h"
#include "shm/private_file.h"

namespace strata {

// Creates `file` in the directory `dir_fd` (named `dir` in messages). True if this call made the file. False with
// `lost_race` if somebody else was faster, else with `error` filled.
bool CreatePrivateFile(int dir_fd, const std::string& dir, const std::string& file, const FileKind& kind,
                       bool* lost_race, RegionError* error);

// Takes the lock that says "somebody is at work on this file". Never waits.
inline bool LockFirstByte(int fd) { return LockByte(fd, F_WRLCK, 0); }

}  // namespace strata
