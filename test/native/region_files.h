// Files as an attacker or an accident may leave them where a region is looked for.
#pragma once

#include <functional>
#include <string>

#include "shm/region.h"

namespace strata::test {

// The file a region of this name is looked for in, at the `index`-th try.
std::string RegionFile(const std::string& dir, const std::string& name, int index);

// A whole region under any path.
void MakeRegion(const std::string& file, const RegionOptions& options);
void ChangeHeader(const std::string& file, const std::function<void(RegionHeader*)>& change);
void WriteFile(const std::string& file, const std::string& content, unsigned mode);
int CountFiles(const std::string& dir);

// Kind, mode, owner, size and content, so that any change shows.
std::string Fingerprint(const std::string& file);

}  // namespace strata::test
