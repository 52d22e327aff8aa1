#include "binding/shared_journal.h"

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

std::map<FileId, std::weak_ptr<SharedJournal>>& Registry() {
  static auto* registry = new std::map<FileId, std::weak_ptr<SharedJournal>>();
  return *registry;
}

}  // namespace

std::shared_ptr<SharedJournal> SharedJournal::Open(const std::string& dir, const std::string& name, const JournalOptions& options,
                                                   RegionError* error, std::string* warnings, const JournalHome& home) {
  std::lock_guard<std::mutex> hold(RegistryMutex());
  for (const auto& [file, entry] : Registry()) {
    auto present = entry.lock();
    if (present != nullptr && home.region_id != 0 && present->home_.region_id == home.region_id && present->name_ == name) return present;
  }
  std::unique_ptr<Journal> journal(Journal::Open(dir, name, options, error, warnings, home));
  if (journal == nullptr) return nullptr;
  auto& entry = Registry()[{journal->file().device(), journal->file().inode()}];
  if (auto present = entry.lock()) return present;
  std::shared_ptr<SharedJournal> fresh(new SharedJournal(journal.release(), name, home));
  entry = fresh;
  return fresh;
}

}  // namespace strata
