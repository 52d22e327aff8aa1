// Namespaces: names registered once per region, each with an epoch that clear() and flush() raise.
//
// The list only grows and is filled in order, each entry by one CAS, so one name can never get two ids; a name
// whose CAS lost leaves its pool bytes unused.
#include "table/table.h"

#include <algorithm>

namespace strata {
namespace {

constexpr uint64_t NameWord(uint32_t offset, uint32_t parent, uint32_t length) {
  return uint64_t{length} << 48 | uint64_t{parent} << 32 | (offset + 1);
}

}  // namespace

Status Table::NamespaceId(const std::string& name, uint32_t parent, uint32_t* id) {
  if (name.empty() || name.size() > kMaxNamespaceBytes || parent >= kMaxNamespaces) return Status::kNamespaceLimit;
  uint32_t depth = 1;
  for (uint32_t at = parent; at != 0 && depth < kMaxNamespaceDepth; depth++) {
    at = static_cast<uint32_t>(region_->namespaces()[at].word.load(kAcquire) >> 32) & 0xffff;  // SYNC(namespace)
    if (at >= kMaxNamespaces) return Status::kNamespaceLimit;
  }
  if (depth >= kMaxNamespaceDepth) return Status::kNamespaceLimit;
  uint32_t offset = ~0u;
  auto length = static_cast<uint32_t>(name.size());
  for (uint32_t i = 1; i < kMaxNamespaces; i++) {  // 0 is the root
    Atomic<uint64_t>& entry = region_->namespaces()[i].word;
    uint64_t word = entry.load(kAcquire);  // SYNC(namespace)
    if (word == 0) {
      if (offset == ~0u) {
        auto& used = region_->header().name_pool_used;
        offset = used.load(kRelaxed);
        do {  // never taken back: what another took meanwhile may lie behind it
          if (offset > kNamePoolBytes - length) return Status::kNamespaceLimit;
        } while (!used.compare_exchange_weak(offset, offset + length, kRelaxed, kRelaxed));
        CopyShared(region_->names() + offset, name.data(), length);
      }
      KILL_POINT(namespace_named);
      // SYNC(namespace): release. The name's bytes are there for whoever reads the word.
      if (entry.compare_exchange_strong(word, NameWord(offset, parent, length), kAcqRel, kAcquire)) {
        *id = i;
        return Status::kOk;
      }
    }
    uint32_t at = static_cast<uint32_t>(word) - 1;
    if ((word >> 48) == length && ((word >> 32) & 0xffff) == parent && at <= kNamePoolBytes - length &&
        EqualsShared(region_->names() + at, name.data(), length)) {
      *id = i;
      return Status::kOk;
    }
  }
  return Status::kNamespaceLimit;
}

bool Table::NamespaceName(uint32_t id, std::string* name, uint32_t* parent) const {
  if (id == 0 || id >= kMaxNamespaces) return false;
  const uint64_t word = region_->namespaces()[id].word.load(kAcquire);  // SYNC(namespace)
  const auto length = static_cast<uint32_t>(word >> 48);
  const uint32_t at = static_cast<uint32_t>(word) - 1;
  if (word == 0 || length > kMaxNamespaceBytes || at > kNamePoolBytes - length) return false;
  name->resize(length);
  CopyShared(name->data(), region_->names() + at, length);
  *parent = static_cast<uint32_t>(word >> 32) & 0xffff;
  return true;
}

template <class Part>
uint32_t Table::SumToRoot(uint32_t ns, const Part& part) const {
  const NamespaceEntry* entries = region_->namespaces();
  uint32_t sum = part(entries[0]);
  for (uint32_t depth = 0; ns != 0 && ns < kMaxNamespaces && depth < kMaxNamespaceDepth; depth++) {
    sum += part(entries[ns]);
    ns = static_cast<uint32_t>(entries[ns].word.load(kRelaxed) >> 32) & 0xffff;
  }
  return sum;
}

uint32_t Table::EpochOf(uint32_t ns) const {
  // SYNC(epoch): acquire.
  return SumToRoot(ns, [](const NamespaceEntry& entry) { return entry.epoch.load(kAcquire) + entry.fleet_epoch.load(kAcquire); });
}

uint32_t Table::ClearsOf(uint32_t ns) const {
  // SYNC(epoch): acquire.
  return SumToRoot(ns, [](const NamespaceEntry& entry) { return entry.clears.load(kAcquire); });
}

uint32_t Table::ClearsOf(std::string_view path) const {
  uint32_t ns = 0;
  for (uint32_t id = 1; id < kMaxNamespaces && !path.empty(); id++) {
    // Parents come before their children.
    std::string name;
    uint32_t parent;
    if (!NamespaceName(id, &name, &parent)) break;
    if (parent != ns || path.substr(0, path.find('/')) != name) continue;
    ns = id;
    path.remove_prefix(std::min(path.size(), name.size() + 1));
  }
  return ClearsOf(ns);
}

uint32_t Table::FleetEpochOf(uint32_t ns) const {
  // SYNC(epoch): acquire.
  return SumToRoot(ns, [](const NamespaceEntry& entry) { return entry.fleet_epoch.load(kAcquire); });
}

void Table::SetFleetEpoch(uint32_t ns, uint32_t epoch) {
  // SYNC(epoch): a read that starts after this sees the new sum and treats older records as absent.
  if (region_->namespaces()[ns % kMaxNamespaces].fleet_epoch.exchange(epoch, kAcqRel) == epoch) return;
  WakeAllWaiters();
}

void Table::AdvanceFleetEpoch(uint32_t ns, uint32_t epoch) {
  auto& word = region_->namespaces()[ns % kMaxNamespaces].fleet_epoch;
  uint32_t seen = word.load(kRelaxed);
  do {
    if (static_cast<int32_t>(epoch - seen) <= 0) return;
  } while (!word.compare_exchange_weak(seen, epoch, kAcqRel, kRelaxed));  // SYNC(epoch): as SetFleetEpoch
  WakeAllWaiters();
}

void Table::ResetFleetEpochs(uint32_t root) {
  // The root first: from then on no sum is one that was there before.
  region_->namespaces()[0].fleet_epoch.store(root, kRelease);  // SYNC(epoch)
  for (uint32_t ns = 1; ns < kMaxNamespaces; ns++) region_->namespaces()[ns].fleet_epoch.store(0, kRelease);  // SYNC(epoch)
  // Its sequence may begin anew, too. What was judged by the old one has ended with the root's epoch.
  for (uint32_t i = 0; i <= tag_mask_; i++) {
    for (auto& word : tags_[i].fleet) word.store(0, kRelease);  // SYNC(tag)
  }
  WakeAllWaiters();
}

void Table::ClearNamespace(uint32_t ns) {
  NamespaceEntry& entry = region_->namespaces()[ns % kMaxNamespaces];
  // SYNC(epoch): first. Whoever stores what outlives this clear reads a count that has it.
  entry.clears.fetch_add(1, kAcqRel);
  // SYNC(epoch): release. A read that starts after this sees the new sum and treats older records as absent.
  entry.epoch.fetch_add(1, kAcqRel);
  WakeAllWaiters();
}

void Table::Flush() {
  region_->namespaces()[0].epoch.fetch_add(1, kAcqRel);  // SYNC(epoch): as a clear
  WakeAllWaiters();
}

}  // namespace strata
