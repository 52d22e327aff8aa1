#include "journal/waker.h"

#include "shm/futex.h"

namespace strata {
namespace {

constexpr uint32_t kPauseMs = 1000;

}  // namespace

SettleWaker::~SettleWaker() {
  stopping_.store(true);
  if (!thread_.joinable()) return;
  auto& wake = journal_.header().settle_wake;
  wake.fetch_add(1, kRelease);  // SYNC(settle-wake)
  FutexWakeAll(wake);
  thread_.join();
}

void SettleWaker::Run(uint32_t seen) {
  auto& wake = journal_.header().settle_wake;
  while (!stopping_.load()) {
    FutexWait(wake, seen, kPauseMs);
    const uint32_t now = wake.load(kAcquire);  // SYNC(settle-wake)
    if (now == seen) continue;
    seen = now;
    std::lock_guard<std::mutex> hold(mutex_);
    for (auto& [id, listener] : listeners_) listener();
  }
}

int SettleWaker::AddListener(std::function<void()> wake) {
  std::lock_guard<std::mutex> hold(mutex_);
  listeners_.emplace_back(next_id_, std::move(wake));
  if (!thread_.joinable()) {
    // Read here and not in the thread: an answer may come before the thread runs.
    const uint32_t seen = journal_.header().settle_wake.load(kAcquire);  // SYNC(settle-wake)
    thread_ = std::thread([this, seen] { Run(seen); });
  }
  return next_id_++;
}

void SettleWaker::RemoveListener(int id) {
  std::lock_guard<std::mutex> hold(mutex_);
  std::erase_if(listeners_, [id](const auto& entry) { return entry.first == id; });
}

}  // namespace strata
