// One mapping and one waker per journal and process, however many isolates open it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "journal/waker.h"

namespace strata {

class SharedJournal {
 public:
  // The process's instance for the journal of that name and region, also where its name is gone; opens, attaches or creates.
  // nullptr with `error` filled.
  static std::shared_ptr<SharedJournal> Open(const std::string& dir, const std::string& name, const JournalOptions& options,
                                             RegionError* error, std::string* warnings, const JournalHome& home);
  Journal& journal() { return *journal_; }
  SettleWaker& waker() { return waker_; }
  // One isolate of the process at a time has the claim to start its coordinator. True if it is `claimant`'s now.
  bool Claim(const void* claimant) {
    const void* none = nullptr;
    return claim_.compare_exchange_strong(none, claimant) || none == claimant;
  }
  void Release(const void* claimant) { claim_.compare_exchange_strong(claimant, nullptr); }

 private:
  SharedJournal(Journal* journal, std::string name, const JournalHome& home)
      : name_(std::move(name)), home_(home), journal_(journal), waker_(*journal) {}

  const std::string name_;
  const JournalHome home_;  // keeps the region for who joins it by its id

  std::atomic<const void*> claim_{nullptr};
  std::unique_ptr<Journal> journal_;
  SettleWaker waker_;  // after the journal: its thread ends before the mapping goes
};

}  // namespace strata
