// What one isolate holds of one journal: its lane, its candidacy, its breaker, its wake-up.
#pragma once

#include <memory>

#include "binding/loop_wakeup.h"
#include "binding/shared_journal.h"
#include "journal/breaker.h"
#include "journal/lane.h"
#include "journal/leader.h"

namespace strata {

class JournalHandle {
 public:
  JournalHandle(napi_env env, std::shared_ptr<SharedJournal> shared);

  // Ends the isolate's use; safe to call twice.
  void Close(bool unlink);
  bool is_closed() const { return shared_ == nullptr; }

  bool ClaimCoordinator() { return shared_->Claim(this); }
  Journal& journal() { return shared_->journal(); }
  LaneOwner& lane() { return *lane_; }
  Breaker& breaker() { return *breaker_; }
  // nullptr unless this isolate leads.
  Leader* leader();
  uint64_t term() { return candidate_ != nullptr && candidate_->IsLeading() ? candidate_->term() : 0; }
  void Campaign();
  void Resign();

  // Calls `callback` on the isolate's loop after elections, appends (leader) and answers (once announced).
  bool Listen(napi_value callback);
  // From now on answers of the host wake this isolate, until they did once.
  void Announce();

  void SetMailbox(napi_value array_buffer);
  double* numbers() { return numbers_; }

 private:
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* self);

  napi_env env_;
  std::shared_ptr<SharedJournal> shared_;
  std::unique_ptr<LaneOwner> lane_;
  std::unique_ptr<Breaker> breaker_;
  std::unique_ptr<Candidate> candidate_;
  std::unique_ptr<Leader> leader_;
  LoopWakeup* wakeup_ = nullptr;
  int listener_ = 0;
  napi_ref mailbox_ref_ = nullptr;
  double* numbers_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  napi_async_cleanup_hook_handle ending_ = nullptr;
};

// The mailbox: doubles by which a call takes and gives numbers.
namespace journal_box {
inline constexpr int kOp = 0, kCodec = 1, kCondition = 2, kPartition = 3, kTtl = 4, kGrace = 5, kExpected = 6, kSource = 7;
inline constexpr int kWantsReplica = 4;  // added to the condition
inline constexpr int kOut = 8;
inline constexpr int kNumbers = 1024;
inline constexpr int kRecordNumbers = 19;
// A partition that follows from namespace and key.
inline constexpr double kByKey = -1;
}  // namespace journal_box

// Hot calls (journal_write.cc).
napi_value JournalPrepare(napi_env env, napi_callback_info info);
napi_value JournalCommit(napi_env env, napi_callback_info info);
napi_value JournalCancel(napi_env env, napi_callback_info info);
napi_value JournalIsSettled(napi_env env, napi_callback_info info);
napi_value JournalPending(napi_env env, napi_callback_info info);
napi_value JournalInTheWay(napi_env env, napi_callback_info info);
napi_value JournalHeir(napi_env env, napi_callback_info info);
napi_value JournalTakeAnswers(napi_env env, napi_callback_info info);

// The leader's calls (journal_lead.cc).
napi_value JournalDrain(napi_env env, napi_callback_info info);
napi_value JournalFill(napi_env env, napi_callback_info info);
napi_value JournalAssign(napi_env env, napi_callback_info info);
napi_value JournalSettle(napi_env env, napi_callback_info info);
napi_value JournalSleep(napi_env env, napi_callback_info info);

}  // namespace strata
