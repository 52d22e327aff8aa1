// Module entry: limits, layout, and `open`. Cold calls use node-addon-api; hot ones are in view_*.cc.
#include <napi.h>

#include <cstdlib>
#include <limits>

#include "binding/journal_calls.h"
#include "binding/layout_report.h"
#include "binding/scan_calls.h"
#include "binding/view.h"

namespace strata {
namespace {

Napi::Error ErrorOf(Napi::Env env, Status status, int system_errno, const std::string& detail) {
  Napi::Error error = Napi::Error::New(env, detail.empty() ? StatusName(status) : detail);
  error.Set("code", std::string("ERR_CACHE_") + StatusName(status));
  if (system_errno != 0) error.Set("errno", Napi::Number::New(env, system_errno));
  return error;
}

void Throw(Napi::Env env, Status status, int system_errno = 0, const std::string& detail = "") {
  ErrorOf(env, status, system_errno, detail).ThrowAsJavaScriptException();
}

uint64_t LimitIn(double bytes) { return bytes >= 9e15 ? kNoLimit : static_cast<uint64_t>(bytes); }

TableHandle* HandleOf(const Napi::CallbackInfo& info) { return static_cast<TableHandle*>(info.Data()); }

bool RefuseClosed(const Napi::CallbackInfo& info) {
  if (!HandleOf(info)->is_closed()) return false;
  Napi::Error error = Napi::Error::New(info.Env(), "the table is closed");
  error.Set("code", "ERR_CACHE_CLOSED");
  error.ThrowAsJavaScriptException();
  return true;
}

// view(ns): the functions of one namespace.
Napi::Value MakeView(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (RefuseClosed(info)) return env.Undefined();
  View* view = HandleOf(info)->MakeView(info[0].As<Napi::Number>().Uint32Value() % kMaxNamespaces);
  Napi::Object object = Napi::Object::New(env);
  const std::pair<const char*, napi_callback> functions[] = {
      {"get", ViewGet}, {"getMany", ViewGetMany},        {"entry", ViewEntry}, {"has", ViewHas},         {"set", ViewSet},
      {"delete", ViewDelete},   {"remove", ViewRemove},   {"take", ViewTake},       {"touch", ViewTouch},
      {"expire", ViewExpire},   {"acquire", ViewAcquire},
      {"fail", ViewFail},       {"abandon", ViewAbandon}, {"clear", ViewClear},
      {"invalidate", ViewInvalidate}, {"revalidated", ViewRevalidated}, {"epochs", ViewEpochs},
      {"setFleetEpoch", ViewSetFleetEpoch}, {"release", ViewRelease}, {"isHeld", ViewIsHeld},
  };
  for (const auto& [name, callback] : functions) {
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, view, &function);
    object.Set(name, Napi::Value(env, function));
  }
  return object;
}

// namespaceId(name, parent): registers the name in the region.
Napi::Value NamespaceId(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  uint32_t id = 0;
  Status status = HandleOf(info)->table().NamespaceId(info[0].As<Napi::String>().Utf8Value(),
                                                      info[1].As<Napi::Number>().Uint32Value(), &id);
  if (status != Status::kOk) {
    Throw(info.Env(), status, 0,
          "namespace must be 1.." + std::to_string(kMaxNamespaceBytes) + " bytes, nested at most " +
              std::to_string(kMaxNamespaceDepth - 1) + " deep, at most " + std::to_string(kMaxNamespaces - 1) +
              " in a region, got '" + info[0].As<Napi::String>().Utf8Value() + "'");
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), id);
}

// attach(mailbox, scratch, tags): returns where in `tags` the tags begin.
Napi::Value Attach(const Napi::CallbackInfo& info) {
  HandleOf(info)->SetMailbox(info[0]);
  HandleOf(info)->SetScratch(info[1]);
  return Napi::Number::New(info.Env(), static_cast<double>(HandleOf(info)->SetTags(info[2])));
}

Napi::Value SetScratch(const Napi::CallbackInfo& info) {
  HandleOf(info)->SetScratch(info[0]);
  return info.Env().Undefined();
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), HandleOf(info)->Listen(info[0]));
}

Napi::Value AdvanceClock(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  HandleOf(info)->context().clock_offset_ms += info[0].As<Napi::Number>().Int64Value();
  return info.Env().Undefined();
}

Napi::Value NowMs(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  TableHandle& handle = *HandleOf(info);
  return Napi::Number::New(info.Env(), static_cast<double>(handle.table().NowMs(handle.context())));
}

Napi::Value Doubt(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), HandleOf(info)->table().Doubt());
}

Napi::Value ResetFleetEpochs(const Napi::CallbackInfo& info) {
  if (!RefuseClosed(info)) HandleOf(info)->table().ResetFleetEpochs(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

// Of slots as a Uint16Array.
const uint16_t* SlotsOf(const Napi::Value& value, uint32_t* count) {
  auto slots = value.As<Napi::Uint16Array>();
  *count = static_cast<uint32_t>(slots.ElementLength());
  return slots.Data();
}

Napi::Value TagClock(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(HandleOf(info)->table().TagClock()));
}

// clearTag(slot, kind): the clear's clock.
Napi::Value ClearTag(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  const auto kind = static_cast<TagClear>(info[1].As<Napi::Number>().Uint32Value() & 1);
  HandleOf(info)->LoseTrack();
  return Napi::Number::New(info.Env(), static_cast<double>(HandleOf(info)->table().ClearTag(info[0].As<Napi::Number>().Uint32Value(), kind)));
}

// noteFleetClear(slot, kind, sequence): whether that was news.
Napi::Value NoteFleetClear(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  const auto kind = static_cast<TagClear>(info[1].As<Napi::Number>().Uint32Value() & 1);
  const auto sequence = static_cast<uint64_t>(info[2].As<Napi::Number>().DoubleValue());
  return Napi::Boolean::New(info.Env(), HandleOf(info)->table().NoteFleetClear(info[0].As<Napi::Number>().Uint32Value(), kind, sequence));
}

// tagsSince(slots, clock) and fleetTagsSince(slots, sequence): TagState.
Napi::Value TagsSince(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  uint32_t count;
  const uint16_t* slots = SlotsOf(info[0], &count);
  const TagState state = HandleOf(info)->table().TagsSince(slots, count, static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue()));
  return Napi::Number::New(info.Env(), static_cast<double>(state));
}

Napi::Value FleetTagsSince(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  uint32_t count;
  const uint16_t* slots = SlotsOf(info[0], &count);
  const TagState state = HandleOf(info)->table().FleetTagsSince(slots, count, static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue()));
  return Napi::Number::New(info.Env(), static_cast<double>(state));
}

// setQuota(ns, bytes): Infinity ends it.
Napi::Value SetQuota(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  const double bytes = info[1].As<Napi::Number>().DoubleValue();
  auto* handle = HandleOf(info);
  const Status status = handle->table().SetQuota(handle->context(), info[0].As<Napi::Number>().Uint32Value(), LimitIn(bytes));
  if (status != Status::kOk) {
    Throw(info.Env(), status, 0, "at most " + std::to_string(kMaxQuotas - 1) + " namespaces of a region have a quota");
  }
  return info.Env().Undefined();
}

// setNegativeQuota(bytes): 0 is the default, Infinity none.
Napi::Value SetNegativeQuota(const Napi::CallbackInfo& info) {
  if (!RefuseClosed(info)) HandleOf(info)->table().SetNegativeQuota(LimitIn(info[0].As<Napi::Number>().DoubleValue()));
  return info.Env().Undefined();
}

// quotas(): of negative entries first, then {namespace, limit, bytes} of each namespace that has one.
Napi::Value Quotas(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (RefuseClosed(info)) return env.Undefined();
  Table& table = HandleOf(info)->table();
  Napi::Array result = Napi::Array::New(env);
  uint32_t n = 0;
  for (const QuotaState& state : table.Quotas()) {
    Napi::Object each = Napi::Object::New(env);
    if (state.ns < kMaxNamespaces) each.Set("namespace", table.PathOf(state.ns));
    each.Set("limit", state.limit == kNoLimit ? std::numeric_limits<double>::infinity() : static_cast<double>(state.limit));
    each.Set("bytes", static_cast<double>(state.bytes));
    result[n++] = each;
  }
  return result;
}

Napi::Value Flush(const Napi::CallbackInfo& info) {
  if (!RefuseClosed(info)) HandleOf(info)->table().Flush();
  return info.Env().Undefined();
}

Napi::Value RaiseDoubt(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), HandleOf(info)->table().RaiseDoubt());
}

// useDisk(): from now on changes hold their keys' copies, and this isolate gives the holds of its own back.
Napi::Value UseDisk(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  HandleOf(info)->keeps_copies = true;
  HandleOf(info)->table().UseDisk();
  return info.Env().Undefined();
}

// isDiskWhole(): no change of the region's life was made without somebody being told who keeps copies.
Napi::Value IsDiskWhole(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), HandleOf(info)->table().DiskState() == kDiskWhole);
}

// diskGeneration(next?): the generation of the files in use; `next` becomes it if there is none yet.
Napi::Value DiskGeneration(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  auto& generation = HandleOf(info)->table().region().header().disk_generation;
  uint32_t none = 0;
  // SYNC(disk-generation): acq_rel. Copies go to the files only after this.
  if (info.Length() > 0) generation.compare_exchange_strong(none, info[0].As<Napi::Number>().Uint32Value(), kAcqRel, kAcquire);
  return Napi::Number::New(info.Env(), generation.load(kAcquire));  // SYNC(disk-generation)
}

// spill(name, isOver): brackets a write of copies.
Napi::Value Spill(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  const uint32_t name = info[0].As<Napi::Number>().Uint32Value();
  if (info[1].ToBoolean()) HandleOf(info)->table().EndSpill(name);
  else HandleOf(info)->table().BeginSpill(name);
  return info.Env().Undefined();
}

Napi::Value IsSpilling(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), HandleOf(info)->table().IsSpilling());
}

// Records a loader's run time, which only JavaScript can measure. Milliseconds.
Napi::Value RecordLoad(const Napi::CallbackInfo& info) {
  if (RefuseClosed(info)) return info.Env().Undefined();
  HandleOf(info)->context().Record(Histogram::kLoad,
                                   static_cast<uint64_t>(info[0].As<Napi::Number>().DoubleValue() * 1e6));
  return info.Env().Undefined();
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  HandleOf(info)->Close(info[0].ToBoolean());
  return info.Env().Undefined();
}

constexpr const char* kCounterNames[] = {
#define X(name) #name,
    STRATA_COUNTERS(X)
#undef X
};

Napi::Object CountersOf(Napi::Env env, const uint64_t* sums) {
  Napi::Object counters = Napi::Object::New(env);
  for (size_t c = 0; c < static_cast<size_t>(Counter::kCount); c++) {
    counters.Set(kCounterNames[c], Napi::Number::New(env, static_cast<double>(static_cast<int64_t>(sums[c]))));
  }
  return counters;
}

// stats(): the host's truth: counters of every thread slot added up, histograms, sizes.
Napi::Value Stats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (RefuseClosed(info)) return env.Undefined();
  Table& table = HandleOf(info)->table();
  const Geometry& g = table.geometry();
  uint64_t sums[static_cast<size_t>(Counter::kCount)] = {};
  std::vector<double> histograms(static_cast<size_t>(Histogram::kCount) * kHistogramBuckets);
  for (uint32_t i = 0; i < g.thread_slots; i++) {
    const ThreadStats& stats = table.region().stats()[i];
    for (size_t c = 0; c < static_cast<size_t>(Counter::kCount); c++) sums[c] += stats.counters[c].load(kRelaxed);
    for (size_t h = 0; h < static_cast<size_t>(Histogram::kCount); h++) {
      for (size_t b = 0; b < kHistogramBuckets; b++) {
        histograms[h * kHistogramBuckets + b] += stats.histograms[h][b].load(kRelaxed);
      }
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("counters", CountersOf(env, sums));
  Napi::Object all = Napi::Object::New(env);
  const char* names[] = {"get", "set", "load"};
  for (size_t h = 0; h < static_cast<size_t>(Histogram::kCount); h++) {
    Napi::Array buckets = Napi::Array::New(env, kHistogramBuckets);
    for (uint32_t b = 0; b < kHistogramBuckets; b++) buckets[b] = histograms[h * kHistogramBuckets + b];
    all.Set(names[h], buckets);
  }
  result.Set("histograms", all);
  result.Set("memoryBytes", static_cast<double>(g.file_bytes));
  result.Set("dataBytes", static_cast<double>(uint64_t{g.segment_count} << g.segment_shift));
  result.Set("segmentBytes", 1u << g.segment_shift);
  result.Set("segments", g.segment_count);
  result.Set("freeSegments", table.FreeSegments());
  result.Set("buckets", g.bucket_count);
  result.Set("isUnlinked", table.region().IsUnlinked());
  return result;
}

// threads(): one object per registered thread slot, for people and per-process figures.
Napi::Value Threads(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (RefuseClosed(info)) return env.Undefined();
  Table& table = HandleOf(info)->table();
  Napi::Array result = Napi::Array::New(env);
  uint32_t n = 0;
  for (uint32_t i = 0; i < table.geometry().thread_slots; i++) {
    ThreadSlot& slot = table.region().threads()[i];
    if ((slot.state.load(kAcquire) & 1) == 0) continue;  // SYNC(thread-slot)
    uint64_t counters[static_cast<size_t>(Counter::kCount)];
    for (size_t c = 0; c < static_cast<size_t>(Counter::kCount); c++) {
      counters[c] = table.region().stats()[i].counters[c].load(kRelaxed);
    }
    Napi::Object thread = Napi::Object::New(env);
    thread.Set("slot", i);
    thread.Set("pid", slot.pid.load(kRelaxed));
    thread.Set("counters", CountersOf(env, counters));
    result[n++] = thread;
  }
  return result;
}

Napi::Value Audit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (RefuseClosed(info)) return env.Undefined();
  TableHandle* handle = HandleOf(info);
  AuditReport report = handle->table().Audit(handle->context());
  Napi::Object result = Napi::Object::New(env);
  Napi::Array violations = Napi::Array::New(env, report.violations.size());
  for (uint32_t i = 0; i < report.violations.size(); i++) violations[i] = report.violations[i];
  result.Set("violations", violations);
  result.Set("values", static_cast<double>(report.values));
  result.Set("leases", static_cast<double>(report.leases));
  result.Set("liveBytes", static_cast<double>(report.live_bytes));
  result.Set("ownedByDead", static_cast<double>(report.owned_by_dead));
  result.Set("leakedRunSegments", static_cast<double>(report.leaked_run_segments));
  result.Set("segmentsFree", static_cast<double>(report.segments_free));
  result.Set("isCounted", !handle->table().IsCountDue());
  return result;
}

// open({dir, name, memory, averageEntryBytes, segmentBytes, hasDisk, l0Items, l0Bytes, l0CheapBytes}): attaches this isolate to a region.
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object in = info[0].As<Napi::Object>();
  auto number = [&](const char* name) { return in.Get(name).As<Napi::Number>().DoubleValue(); };
  RegionOptions options;
  options.memory_bytes = static_cast<uint64_t>(number("memory"));
  options.average_entry_bytes = static_cast<uint32_t>(number("averageEntryBytes"));
  options.segment_bytes = static_cast<uint32_t>(number("segmentBytes"));
  options.has_disk = in.Get("hasDisk").ToBoolean();
  RegionError error;
  std::string warnings;
  const std::string wanted = in.Get("regionId").As<Napi::String>().Utf8Value();
  auto shared = wanted.empty() ? SharedRegion::Open(in.Get("dir").As<Napi::String>().Utf8Value(),
                                                    in.Get("name").As<Napi::String>().Utf8Value(), options, &error, &warnings)
                               : SharedRegion::Find(std::strtoull(wanted.c_str(), nullptr, 16));
  if (shared == nullptr) {
    if (!wanted.empty()) error = {Status::kRegionForeign, 0, "no isolate of this process has the region " + wanted + " open"};
    Throw(env, error.status, error.system_errno, error.detail);
    return env.Undefined();
  }
  const L0Bounds l0{static_cast<uint32_t>(number("l0Items")), static_cast<uint64_t>(number("l0Bytes")),
                    static_cast<uint64_t>(number("l0CheapBytes"))};
  auto* handle = new TableHandle(env, shared, l0);  // freed with the isolate
  Status status = handle->Start();
  if (status != Status::kOk) {
    handle->Close(false);
    Throw(env, status, 0, "all " + std::to_string(shared->table().geometry().thread_slots) +
                              " thread slots of the region are taken by living threads");
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> functions[] = {
      {"view", MakeView}, {"namespaceId", NamespaceId}, {"attach", Attach}, {"setScratch", SetScratch},
      {"listen", Listen}, {"advanceClock", AdvanceClock}, {"recordLoad", RecordLoad}, {"close", Close},
      {"stats", Stats}, {"threads", Threads}, {"audit", Audit}, {"nowMs", NowMs}, {"doubt", Doubt},
      {"raiseDoubt", RaiseDoubt}, {"flush", Flush}, {"tagClock", TagClock}, {"clearTag", ClearTag}, {"noteFleetClear", NoteFleetClear},
      {"tagsSince", TagsSince}, {"fleetTagsSince", FleetTagsSince},
      {"resetFleetEpochs", ResetFleetEpochs}, {"setQuota", SetQuota}, {"setNegativeQuota", SetNegativeQuota}, {"quotas", Quotas},
      {"useDisk", UseDisk}, {"isDiskWhole", IsDiskWhole}, {"diskGeneration", DiskGeneration}, {"spill", Spill}, {"isSpilling", IsSpilling},
  };
  for (const auto& [name, function] : functions) result.Set(name, Napi::Function::New(env, function, name, handle));
  AddScanCalls(env, result, handle);
  result.Set("path", shared->table().region().path());
  char region_id[24];
  snprintf(region_id, sizeof(region_id), "%016llx", static_cast<unsigned long long>(shared->table().region().header().region_id));
  result.Set("regionId", std::string(region_id));
  result.Set("warnings", warnings);
  result.Set("l0Capacity", handle->l0().capacity());
  result.Set("maxValueBytes", shared->table().max_value_bytes());
  return result;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open, "open"));
  exports.Set("openJournal", Napi::Function::New(env, OpenJournal, "openJournal"));
  exports.Set("journalHosts", Napi::Function::New(env, ListJournalHosts, "journalHosts"));
  char layout[20];
  snprintf(layout, sizeof(layout), "%08x", static_cast<uint32_t>(LayoutFingerprint()));
  exports.Set("layout", layout);
  Napi::Object limits = Napi::Object::New(env);
  limits.Set("maxKeyBytes", kMaxKeyBytes);
  limits.Set("maxValueBytes", kMaxValueBytes);
  limits.Set("maxNamespaces", kMaxNamespaces);
  limits.Set("maxNamespaceDepth", kMaxNamespaceDepth);
  exports.Set("limits", limits);
  exports.Set("describeLayout", Napi::Function::New(env, DescribeLayout, "describeLayout"));
  exports.Set("describeJournal", Napi::Function::New(env, DescribeJournal, "describeJournal"));
  Napi::Object box = Napi::Object::New(env);
  box.Set("bytes", mailbox::kBytes);
  box.Set("kMany", mailbox::kMany);
  box.Set("kManyWords", mailbox::kManyWords);
  box.Set("kManyKeys", mailbox::kManyKeys);
  box.Set("kEvicted", mailbox::kEvicted);
  box.Set("kL0Pending", kL0Pending);
#define X(name, index) box.Set(#name, index);
  STRATA_MAILBOX_WORDS(X)
  STRATA_MAILBOX_NUMBERS(X)
#undef X
  exports.Set("mailbox", box);
  Napi::Object statuses = Napi::Object::New(env);
  for (int s = 0; s <= static_cast<int>(Status::kSystem); s++) {
    statuses.Set(StatusName(static_cast<Status>(s)), s);
  }
  exports.Set("statuses", statuses);
  return exports;
}

}  // namespace
}  // namespace strata

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return strata::Init(env, exports); }
NODE_API_MODULE(stratacache, InitModule)
