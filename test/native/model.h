// The table's rules over a std::map: what each operation must answer and leave behind.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace strata::test {

struct ModelValue {
  bool is_there = false;
  std::string bytes;
  uint64_t version = 0, soft = 0, hard = 0;
  uint32_t epoch = 0;
  bool has_fleet = false, is_pending = false;
  uint64_t fleet = 0;  // version or mark
  uint32_t doubt = 0;
};

struct ModelLease {
  bool is_there = false;
  bool is_error = false;
  std::string error;
  uint64_t token = 0, granted_over = 0, hard = 0;
  uint32_t epoch = 0;
  uint32_t session = 0, session_life = 0;
};

struct ModelKey {
  ModelValue value;
  ModelLease lease;
  uint64_t highest = 0;  // version ever seen
};

// `now` and `epoch` are those of the moment the operation runs.
struct Moment {
  uint64_t now;
  uint32_t epoch;
  uint32_t doubt;
};

inline bool Usable(const ModelValue& v, Moment m) {
  return v.is_there && v.epoch == m.epoch && (v.hard == 0 || m.now < v.hard);
}
inline bool Doubtful(const ModelValue& v, Moment m) { return v.has_fleet && v.doubt != m.doubt; }
inline bool Soft(const ModelValue& v, Moment m) { return v.soft == 0 || m.now < v.soft; }
inline bool Fresh(const ModelValue& v, Moment m) { return Usable(v, m) && Soft(v, m) && !Doubtful(v, m); }

inline bool Unchanged(const ModelKey& k) {
  return k.value.is_there ? k.value.version == k.lease.granted_over : k.lease.granted_over == 0;
}

inline bool Live(const ModelKey& k, Moment m, const uint32_t* session_lives) {
  const ModelLease& l = k.lease;
  return l.is_there && !l.is_error && l.epoch == m.epoch && m.now < l.hard && Unchanged(k) &&
         session_lives[l.session] == l.session_life;
}

// What a read answers.
inline Status Read(const ModelKey& k, Moment m, bool stale_too, bool doubt_too) {
  if (!Usable(k.value, m)) return Status::kMiss;
  if (Doubtful(k.value, m) && !doubt_too) return Status::kDoubtful;
  return Soft(k.value, m) || stale_too ? Status::kOk : Status::kStale;
}

inline void Put(ModelKey& k, Moment m, const std::string& bytes, uint64_t version, uint64_t soft, uint64_t hard) {
  k.value = {};
  k.value.is_there = true;
  k.value.bytes = bytes;
  k.value.version = version;
  k.value.soft = soft;
  k.value.hard = hard;
  k.value.epoch = m.epoch;
  k.lease.is_there = false;
}

inline void RemoveAll(ModelKey& k) {
  k.value.is_there = false;
  k.lease.is_there = false;
}

inline bool MayPublish(const ModelKey& k, Moment m, uint64_t token) {
  return k.lease.is_there && !k.lease.is_error && k.lease.token == token && k.lease.epoch == m.epoch && Unchanged(k);
}

enum class Fate { kAbsent, kKept, kRemoved };

// A memo of a failed load stays where there was no value.
inline Fate Invalidate(ModelKey& k, uint64_t version, uint64_t settled_mark) {
  const ModelValue& v = k.value;
  if (!v.is_there) {
    if (!k.lease.is_error) k.lease.is_there = false;
    return Fate::kAbsent;
  }
  if (v.has_fleet && (v.is_pending ? v.fleet != settled_mark : v.fleet >= version)) return Fate::kKept;
  RemoveAll(k);
  return Fate::kRemoved;
}

// A lease goes into the slot of the former lease, else into that of an unusable value, which is gone then.
inline void Grant(ModelKey& k, Moment m, ModelLease lease) {
  const bool usable = Usable(k.value, m);
  lease.granted_over = k.value.is_there && (usable || k.lease.is_there) ? k.value.version : 0;
  if (!k.lease.is_there && k.value.is_there && !usable) k.value.is_there = false;
  k.lease = lease;
}

}  // namespace strata::test
