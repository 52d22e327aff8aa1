#include "bench/native/worker.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace strata::bench {
namespace {

constexpr uint32_t kOrder = 1u << 18;
constexpr int kBatch = 256;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  double Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<double>(state_ >> 11) / 9007199254740992.0;
  }

 private:
  uint64_t state_;
};

Key KeyOf(const Table& table, const std::string& name) {
  return table.MakeKey(0, reinterpret_cast<const uint8_t*>(name.data()), static_cast<uint32_t>(name.size()));
}

}  // namespace

std::string Keys::NameOf(uint32_t id) {
  static const char* const kTails[] = {"", ":profile", ":settings:notify", ":feed:latest:page:00000001"};
  return "user:" + std::to_string(100000 + id) + kTails[id & 3];
}

Keys::Keys(uint32_t count, uint64_t seed) {
  for (uint32_t id = 0; id < count; id++) names_.push_back(NameOf(id));
  std::vector<double> cumulated(count);
  double sum = 0;
  for (uint32_t rank = 0; rank < count; rank++) cumulated[rank] = sum += 1 / std::pow(rank + 1.0, 0.99);
  Random random(seed);
  std::vector<uint32_t> ids(count);
  for (uint32_t id = 0; id < count; id++) ids[id] = id;
  for (uint32_t i = count - 1; i > 0; i--) std::swap(ids[i], ids[static_cast<uint32_t>(random.Next() * (i + 1))]);
  for (uint32_t i = 0; i < kOrder; i++) {
    auto found = std::upper_bound(cumulated.begin(), cumulated.end(), random.Next() * sum);
    order_.push_back(ids[std::min<size_t>(static_cast<size_t>(found - cumulated.begin()), count - 1)]);
  }
}

void Stamp(std::string* value, uint64_t stamp) {
  std::memcpy(value->data(), &stamp, 8);
  std::memcpy(value->data() + value->size() - 8, &stamp, 8);
}

Worker::Worker(Table& table, const Keys& keys, const Load& load, uint32_t index)
    : table_(table), keys_(keys), load_(load), is_registered_(table.Register(context_) == Status::kOk),
      value_(load.value_bytes, 'v'), copy_(load.value_bytes), at_(uint64_t{index} * 100003) {}

void Worker::Get(const std::string& name, Tally* tally) {
  Status status = table_.Read(context_, KeyOf(table_, name), kReadFresh, [this](const Hit& hit) {
    return hit.header.value_bytes == copy_.size() && table_.CopyValue(hit, copy_.data());
  });
  if (status != Status::kOk) {
    tally->misses++;
    if (load_.sets_on_miss) Set(name, tally);
  } else if (std::memcmp(copy_.data(), copy_.data() + copy_.size() - 8, 8) != 0) {
    tally->torn++;
  }
}

void Worker::Set(const std::string& name, Tally* tally) {
  Stamp(&value_, at_);
  uint64_t version;
  Status status = table_.Write(context_, KeyOf(table_, name), reinterpret_cast<const uint8_t*>(value_.data()),
                               load_.value_bytes, {}, &version);
  if (status != Status::kOk) tally->refused++;
}

Tally Worker::Run(uint32_t window_ms) {
  Tally tally;
  const uint64_t begin = PreciseNs();
  const uint64_t enough = uint64_t{window_ms} * 1000000;
  for (uint64_t spent = 0; spent < enough; spent = PreciseNs() - begin) {
    for (int i = 0; i < kBatch; i++, at_++) {
      const std::string& name = keys_.Next(at_);
      if (load_.call == Call::kSet || (load_.call == Call::kMixed && at_ % 10 == 0)) Set(name, &tally);
      else Get(name, &tally);
    }
    tally.calls += kBatch;
  }
  tally.nanoseconds = static_cast<double>(PreciseNs() - begin);
  return tally;
}

uint32_t Fill(Table& table, const Keys& keys, const Load& load) {
  ThreadContext context;
  if (table.Register(context) != Status::kOk) return load.entries;
  std::string value(load.value_bytes, 'v');
  uint32_t refused = 0;
  for (uint32_t id = 0; id < load.key_space; id++) {
    Stamp(&value, id);
    uint64_t version;
    Status status = table.Write(context, KeyOf(table, keys.NameAt(id)), reinterpret_cast<const uint8_t*>(value.data()),
                                load.value_bytes, {}, &version);
    if (status != Status::kOk) refused++;
  }
  table.Unregister(context);
  return refused;
}

}  // namespace strata::bench
