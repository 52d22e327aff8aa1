#include "binding/shared_region.h"

#include <map>
#include <mutex>
#include <utility>

namespace strata {
namespace {

using FileId = std::pair<uint64_t, uint64_t>;

// Never destroyed: threads of the process may outlive static destruction.
std::mutex& RegistryMutex() {
  static auto* mutex = new std::mutex();
  return *mutex;
}

std::map<FileId, std::weak_ptr<SharedRegion>>& Registry() {
  static auto* registry = new std::map<FileId, std::weak_ptr<SharedRegion>>();
  return *registry;
}

}  // namespace

std::shared_ptr<SharedRegion> SharedRegion::Find(uint64_t region_id) {
  std::lock_guard<std::mutex> hold(RegistryMutex());
  for (const auto& [file, entry] : Registry()) {
    auto present = entry.lock();
    if (present != nullptr && present->id() == region_id) return present;
  }
  return nullptr;
}

std::shared_ptr<SharedRegion> SharedRegion::Open(const std::string& dir, const std::string& name,
                                                 const RegionOptions& options, RegionError* error,
                                                 std::string* warnings) {
  std::lock_guard<std::mutex> hold(RegistryMutex());
  std::unique_ptr<Region> region(Region::Open(dir, name, options, error, warnings));
  if (region == nullptr) return nullptr;
  auto& entry = Registry()[{region->device(), region->inode()}];
  if (auto present = entry.lock()) return present;
  std::shared_ptr<SharedRegion> fresh(new SharedRegion(region.release()));
  entry = fresh;
  return fresh;
}

}  // namespace strata
