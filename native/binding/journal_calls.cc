#include "binding/journal_calls.h"

#include <cinttypes>
#include <cstdlib>
#include <cstring>

#include "binding/journal_handle.h"
#include "binding/shared_region.h"
#include "journal/letters.h"

namespace strata {
namespace {

using Call = const Napi::CallbackInfo&;

JournalHandle* HandleOf(Call info) { return static_cast<JournalHandle*>(info.Data()); }

double NumberAt(Call info, size_t index) { return info[index].As<Napi::Number>().DoubleValue(); }

double* Out(JournalHandle* handle) { return handle->numbers() + journal_box::kOut; }

Napi::Value Attach(Call info) {
  HandleOf(info)->SetMailbox(info[0]);
  return info.Env().Undefined();
}

Napi::Value Listen(Call info) {
  JournalHandle* handle = HandleOf(info);
  return Napi::Boolean::New(info.Env(), !handle->is_closed() && handle->Listen(info[0]));
}

// answer(mark): kOut: result, version of a settled record.
Napi::Value AnswerOf(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed()) return info.Env().Undefined();
  const JournalAnswer answer = handle->lane().AnswerOf(static_cast<uint64_t>(NumberAt(info, 0)));
  Out(handle)[0] = static_cast<double>(answer.result);
  Out(handle)[1] = static_cast<double>(answer.version);
  return info.Env().Undefined();
}

Napi::Value Await(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (!handle->is_closed()) handle->lane().Await(static_cast<uint64_t>(NumberAt(info, 0)));
  return info.Env().Undefined();
}

Napi::Value Announce(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (!handle->is_closed()) handle->Announce();
  return info.Env().Undefined();
}

Napi::Value IsRoomy(Call info) {
  JournalHandle* handle = HandleOf(info);
  return Napi::Boolean::New(info.Env(), !handle->is_closed() && handle->lane().IsRoomy());
}

Napi::Value ClaimCoordinator(Call info) {
  return Napi::Boolean::New(info.Env(), !HandleOf(info)->is_closed() && HandleOf(info)->ClaimCoordinator());
}

Napi::Value Campaign(Call info) {
  if (!HandleOf(info)->is_closed()) HandleOf(info)->Campaign();
  return info.Env().Undefined();
}

Napi::Value Resign(Call info) {
  if (!HandleOf(info)->is_closed()) HandleOf(info)->Resign();
  return info.Env().Undefined();
}

Napi::Value Term(Call info) {
  JournalHandle* handle = HandleOf(info);
  return Napi::Number::New(info.Env(), handle->is_closed() ? 0 : static_cast<double>(handle->term()));
}

// resolve(index, hostVersion, nsEpoch): whether the record was an orphan of the batch.
Napi::Value Resolve(Call info) {
  JournalHandle* handle = HandleOf(info);
  Leader* leader = handle->is_closed() ? nullptr : handle->leader();
  const bool done = leader != nullptr && leader->Resolve(static_cast<uint32_t>(NumberAt(info, 0)), static_cast<uint64_t>(NumberAt(info, 1)),
                                                         static_cast<uint32_t>(NumberAt(info, 2)));
  return Napi::Boolean::New(info.Env(), done);
}

// isPassed(mark): the record and all before it in its lane are settled.
Napi::Value JournalIsPassed(Call info) {
  JournalHandle* handle = HandleOf(info);
  return Napi::Boolean::New(info.Env(), handle->is_closed() || IsPassed(handle->journal(), static_cast<uint64_t>(NumberAt(info, 0))));
}

// status(): kOut: link, last heard, clock offset, term, pid of the leader, breaker.
Napi::Value ReadStatus(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed()) return info.Env().Undefined();
  const JournalHeader& h = handle->journal().header();
  double* out = Out(handle);
  out[0] = h.link.load(kRelaxed);
  out[1] = static_cast<double>(h.last_heard_ms.load(kRelaxed));
  out[2] = static_cast<double>(h.clock_offset_ms.load(kRelaxed));
  out[3] = static_cast<double>(h.term.load(kRelaxed));
  out[4] = h.leader_pid.load(kRelaxed);
  out[5] = static_cast<double>(handle->breaker().state());
  return info.Env().Undefined();
}

// setStatus(which, value), numbered as above; false without the leadership.
Napi::Value WriteStatus(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed() || handle->term() == 0) return Napi::Boolean::New(info.Env(), false);
  JournalHeader& h = handle->journal().header();
  const double value = NumberAt(info, 1);
  switch (static_cast<int>(NumberAt(info, 0))) {
    case 0: h.link.store(static_cast<uint32_t>(value), kRelaxed); break;
    case 1: h.last_heard_ms.store(static_cast<uint64_t>(value), kRelaxed); break;
    case 2: h.clock_offset_ms.store(static_cast<int64_t>(value), kRelaxed); break;
  }
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value MayTry(Call info) {
  JournalHandle* handle = HandleOf(info);
  const BreakerState state = handle->is_closed() ? BreakerState::kOpen : handle->breaker().MayTry();
  return Napi::Number::New(info.Env(), static_cast<double>(state));
}

// report(good, failures, firstOpenMs, maxOpenMs)
Napi::Value Report(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed()) return info.Env().Undefined();
  handle->breaker().Report(info[0].ToBoolean(), {static_cast<uint32_t>(NumberAt(info, 1)), static_cast<uint32_t>(NumberAt(info, 2)),
                                                 static_cast<uint32_t>(NumberAt(info, 3))});
  return info.Env().Undefined();
}

Napi::Value CloseBreaker(Call info) {
  if (!HandleOf(info)->is_closed()) HandleOf(info)->breaker().Close();
  return info.Env().Undefined();
}

// positions(seqs, epochs, servers): reads kPartitions of each.
Napi::Value Positions(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed()) return info.Env().Undefined();
  auto seqs = info[0].As<Napi::Float64Array>(), epochs = info[1].As<Napi::Float64Array>();
  auto servers = info[2].As<Napi::Float64Array>();
  const JournalHeader& h = handle->journal().header();
  for (uint32_t p = 0; p < kPartitions && p < seqs.ElementLength() && p < epochs.ElementLength() && p < servers.ElementLength(); p++) {
    servers[p] = static_cast<double>(h.known_server[p].load(kRelaxed));
    const uint64_t bits = h.known_epoch[p].load(kRelaxed);
    double epoch;
    std::memcpy(&epoch, &bits, sizeof(epoch));
    seqs[p] = static_cast<double>(h.known_seq[p].load(kRelaxed));
    epochs[p] = epoch;
  }
  return info.Env().Undefined();
}

// rememberPositions(seqs, epochs, servers): false without the leadership.
Napi::Value RememberPositions(Call info) {
  JournalHandle* handle = HandleOf(info);
  if (handle->is_closed() || handle->term() == 0) return Napi::Boolean::New(info.Env(), false);
  auto seqs = info[0].As<Napi::Float64Array>(), epochs = info[1].As<Napi::Float64Array>();
  auto servers = info[2].As<Napi::Float64Array>();
  JournalHeader& h = handle->journal().header();
  for (uint32_t p = 0; p < kPartitions && p < seqs.ElementLength() && p < epochs.ElementLength() && p < servers.ElementLength(); p++) {
    h.known_server[p].store(static_cast<uint64_t>(servers[p] > 0 ? servers[p] : 0), kRelaxed);
    const double epoch = epochs[p];
    uint64_t bits;
    std::memcpy(&bits, &epoch, sizeof(bits));
    // Another epoch first without a position: half of this pair must not pass for a known place.
    if (h.known_epoch[p].load(kRelaxed) != bits) h.known_seq[p].store(0, kRelease);
    h.known_epoch[p].store(bits, kRelease);
    h.known_seq[p].store(static_cast<uint64_t>(seqs[p] > 0 ? seqs[p] : 0), kRelease);
  }
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value DeadLetters(Call info) {
  Napi::Env env = info.Env();
  Napi::Array result = Napi::Array::New(env);
  if (HandleOf(info)->is_closed()) return result;
  uint32_t n = 0;
  for (const DeadLetter& letter : ReadLetters(HandleOf(info)->journal())) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("id", static_cast<double>(letter.id));
    object.Set("timeMs", static_cast<double>(letter.time_ms));
    object.Set("partition", letter.partition);
    object.Set("softAtMs", static_cast<double>(letter.soft_at));
    object.Set("hardAtMs", static_cast<double>(letter.hard_at));
    object.Set("op", static_cast<double>(letter.op));
    object.Set("codec", static_cast<double>(letter.codec));
    object.Set("namespace", letter.ns);
    object.Set("key", letter.key);
    object.Set("reason", letter.reason);
    object.Set("bytes", letter.value_bytes);
    if (letter.has_value) object.Set("payload", Napi::Buffer<char>::Copy(env, letter.value.data(), letter.value.size()));
    result[n++] = object;
  }
  return result;
}

// takeLetter(id): true for the one who took it.
Napi::Value TakeOneLetter(Call info) {
  const double id = NumberAt(info, 0);
  const bool is_taken = !HandleOf(info)->is_closed() && id >= 0 && TakeLetter(HandleOf(info)->journal(), static_cast<uint64_t>(id));
  return Napi::Boolean::New(info.Env(), is_taken);
}

// stats(): counters of the journal and sums over its lanes.
Napi::Value Stats(Call info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  if (HandleOf(info)->is_closed()) return result;
  const Journal& journal = HandleOf(info)->journal();
  const char* names[] = {
#define X(name) #name,
      STRATA_JOURNAL_COUNTERS(X)
#undef X
  };
  for (size_t c = 0; c < static_cast<size_t>(JournalCounter::kCount); c++) {
    result.Set(names[c], static_cast<double>(journal.header().counters[c].load(kRelaxed)));
  }
  const char* lane_names[] = {"prepared", "committed", "cancelled", "redone", "full", "too_large"};
  double sums[static_cast<size_t>(LaneCounter::kCount)] = {};
  double pending = 0;
  for (uint32_t i = 0; i < journal.lanes_used(); i++) {
    const Lane& lane = journal.lane(i);
    for (size_t c = 0; c < static_cast<size_t>(LaneCounter::kCount); c++) sums[c] += static_cast<double>(lane.counters[c].load(kRelaxed));
    const uint64_t acked = lane.acked.load(kRelaxed), head = lane.head.load(kRelaxed);
    if (journal.IsLaneSane(head, acked)) pending += static_cast<double>(head - acked);
  }
  for (size_t c = 0; c < static_cast<size_t>(LaneCounter::kCount); c++) result.Set(lane_names[c], sums[c]);
  result.Set("pending_bytes", pending);
  result.Set("lanes_used", journal.lanes_used());
  result.Set("lanes", journal.geometry().lane_count);
  result.Set("lane_bytes", static_cast<double>(journal.lane_bytes()));
  return result;
}

Napi::Value Close(Call info) {
  HandleOf(info)->Close(info[0].ToBoolean());
  return info.Env().Undefined();
}

// '' is none. Of a region that this process does not have open, nothing was cleared so far.
JournalHome HomeOf(const std::string& region_id) {
  JournalHome home;
  home.region_id = std::strtoull(region_id.c_str(), nullptr, 16);
  if (auto region = SharedRegion::Find(home.region_id)) {
    home.clears_of = [region](std::string_view ns) { return region->table().ClearsOf(ns); };
    home.on_first = [region] { region->table().Flush(); };
  }
  return home;
}

Napi::String HexOf(Napi::Env env, uint64_t id) {
  char text[20];
  snprintf(text, sizeof(text), "%016" PRIx64, id);
  return Napi::String::New(env, text);
}

}  // namespace

Napi::Value ListJournalHosts(Call info) {
  const auto hosts = JournalHosts(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::String>().Utf8Value());
  Napi::Array ids = Napi::Array::New(info.Env(), hosts.size());
  for (uint32_t i = 0; i < hosts.size(); i++) ids.Set(i, HexOf(info.Env(), hosts[i]));
  return ids;
}

Napi::Value OpenJournal(Call info) {
  Napi::Env env = info.Env();
  Napi::Object in = info[0].As<Napi::Object>();
  auto number = [&](const char* name) { return in.Get(name).As<Napi::Number>().DoubleValue(); };
  JournalOptions options;
  options.ring_bytes = static_cast<uint64_t>(number("bytes"));
  options.lanes = static_cast<uint32_t>(number("lanes"));
  options.letter_bytes = static_cast<uint64_t>(number("letterBytes"));
  RegionError failure;
  std::string warnings;
  JournalHome home = HomeOf(in.Get("regionId").As<Napi::String>().Utf8Value());
  home.only_adopts = in.Get("onlyAdopts").ToBoolean();
  auto shared = SharedJournal::Open(in.Get("dir").As<Napi::String>().Utf8Value(), in.Get("name").As<Napi::String>().Utf8Value(), options,
                                    &failure, &warnings, home);
  if (shared == nullptr && failure.status == Status::kMiss) return env.Undefined();
  if (shared == nullptr) {
    Napi::Error error = Napi::Error::New(env, failure.detail);
    error.Set("code", std::string("ERR_CACHE_") + StatusName(failure.status));
    if (failure.system_errno != 0) error.Set("errno", Napi::Number::New(env, failure.system_errno));
    error.ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* handle = new JournalHandle(env, shared);  // freed with the isolate
  Napi::Object result = Napi::Object::New(env);
  const std::pair<const char*, napi_callback> hot[] = {
      {"prepare", JournalPrepare}, {"commit", JournalCommit}, {"cancel", JournalCancel}, {"isSettled", JournalIsSettled},
      {"pending", JournalPending}, {"inTheWay", JournalInTheWay}, {"heir", JournalHeir}, {"takeAnswers", JournalTakeAnswers}, {"drain", JournalDrain}, {"fill", JournalFill},
      {"assign", JournalAssign}, {"settle", JournalSettle}, {"sleep", JournalSleep},
  };
  for (const auto& [name, callback] : hot) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, handle, &function);
    result.Set(name, Napi::Value(env, function));
  }
  const std::pair<const char*, Napi::Value (*)(Call)> cold[] = {
      {"attach", Attach}, {"listen", Listen}, {"answer", AnswerOf}, {"await", Await}, {"announce", Announce}, {"isRoomy", IsRoomy},
      {"claimCoordinator", ClaimCoordinator}, {"campaign", Campaign}, {"resign", Resign}, {"term", Term}, {"resolve", Resolve}, {"isPassed", JournalIsPassed},
      {"status", ReadStatus}, {"setStatus", WriteStatus}, {"mayTry", MayTry}, {"report", Report}, {"closeBreaker", CloseBreaker},
      {"positions", Positions}, {"rememberPositions", RememberPositions}, {"deadLetters", DeadLetters}, {"takeLetter", TakeOneLetter}, {"stats", Stats}, {"close", Close},
  };
  for (const auto& [name, function] : cold) result.Set(name, Napi::Function::New(env, function, name, handle));
  result.Set("hostId", HexOf(env, shared->journal().header().host_id));
  result.Set("path", shared->journal().file().path());
  result.Set("warnings", warnings);
  result.Set("maxRecordBytes", static_cast<double>(shared->journal().max_record_bytes() - sizeof(JournalRecord) - 8));
  result.Set("numbers", journal_box::kNumbers);
  result.Set("recordNumbers", journal_box::kRecordNumbers);
  return result;
}

}  // namespace strata
