#include "service/service.h"

#include "service/used_pages.h"
#include "shm/futex.h"

namespace strata {
namespace {

constexpr uint32_t kJanitorPauseMs = 250;
constexpr uint32_t kWakerPauseMs = 1000;

}  // namespace

Service::Service(Table* table) : table_(table) { janitor_ = std::thread([this] { RunJanitor(); }); }

Service::~Service() {
  stopping_.store(true);
  auto& header = table_->region().header();
  for (Atomic<uint32_t>* word : {&header.janitor_wake, &header.lease_wake}) {
    word->fetch_add(1, kRelease);
    FutexWakeAll(*word);
  }
  janitor_.join();
  if (waker_.joinable()) waker_.join();
}

bool Service::JanitorRound(Table& table, ThreadContext& t) {
  table.ReapDead(t);
  table.Recount(t);
  if (table.IsCountDue()) table.CountAnew(t);
  bool worked = table.ReclaimExpired(t);
  for (int i = 0; i < 16 && table.FreeSegments() < table.FreeTarget(); i++) {
    if (!table.ReclaimOne(t)) return false;
    worked = true;
  }
  return worked;
}

void Service::RunJanitor() {
  auto& wake = table_->region().header().janitor_wake;
  UsedPages used(table_->region());
  LockHandle lock;
  ThreadContext context;
  while (!stopping_.load()) {
    const uint32_t seen = wake.load(kAcquire);
    if (!lock.is_open()) lock.Open(table_->region().fd());
    if (!is_janitor_.load() && lock.is_open() && lock.TryLock(kLockJanitor)) {
      if (table_->Register(context) == Status::kOk) {
        is_janitor_.store(true);
      } else {
        lock.Unlock(kLockJanitor);
      }
    }
    if (is_janitor_.load() && JanitorRound(*table_, context)) continue;
    if (used.MapSome()) continue;
    FutexWait(wake, seen, kJanitorPauseMs);
  }
  if (is_janitor_.load()) table_->Unregister(context);
}

void Service::RunWaker(uint32_t seen) {
  auto& wake = table_->region().header().lease_wake;
  while (!stopping_.load()) {
    FutexWait(wake, seen, kWakerPauseMs);
    const uint32_t now = wake.load(kAcquire);  // SYNC(lease-wake)
    if (now == seen) continue;
    seen = now;
    std::lock_guard<std::mutex> hold(mutex_);
    for (auto& [id, listener] : listeners_) listener();
  }
}

int Service::AddListener(std::function<void()> wake) {
  std::lock_guard<std::mutex> hold(mutex_);
  listeners_.emplace_back(next_id_, std::move(wake));
  if (!waker_.joinable()) {
    // Read here and not in the thread: a lease may end before the thread runs.
    const uint32_t seen = table_->region().header().lease_wake.load(kAcquire);  // SYNC(lease-wake)
    waker_ = std::thread([this, seen] { RunWaker(seen); });
  }
  return next_id_++;
}

void Service::RemoveListener(int id) {
  std::lock_guard<std::mutex> hold(mutex_);
  std::erase_if(listeners_, [id](const auto& entry) { return entry.first == id; });
}

}  // namespace strata
