// Broken bytes anywhere in a live region: answers may be wrong misses, but nothing crashes and nothing loops.
#include <cstring>

#include "test/native/fixture.h"
#include "test/native/region_files.h"
#include "test/native/seeds.h"

namespace strata::test {
namespace {

constexpr RegionOptions kSmall{1u << 20, 600, 4096};
constexpr uint32_t kKeys = 150;

class Fuzz : public Dice {
 public:
  explicit Fuzz(uint64_t seed) : Dice(seed) {}

  void Work(Table& table, ThreadContext& t, int operations) {
    for (int n = 0; n < operations; n++) {
      const std::string name = "key" + std::to_string(Below(kKeys)) + std::string(Below(20) == 0 ? 400 : 0, 'k');
      const uint32_t ns = Below(4) == 0 ? Below(6) : 0;
      const Key key = table.MakeKey(ns, reinterpret_cast<const uint8_t*>(name.data()), static_cast<uint32_t>(name.size()));
      uint64_t token = tokens_[Below(8)];
      bool fresh;
      std::string error;
      WriteOptions options;
      switch (Below(20)) {
        case 0: case 1: case 2: case 3: {
          const std::string value(Below(10) == 0 ? Below(14000) : Below(900), 'v');
          if (Below(6) == 0) options.hard_ms = table.NowMs(t) + Below(3);
          if (Below(6) == 0) options.condition = Condition::kAbsent;
          if (Below(8) == 0) options.lease_token = token;
          options.has_fleet = Below(2) != 0;
          options.fleet = {Below(100) | (Below(4) == 0 ? FleetBlock::kPending : 0), table.Doubt(), 0};
          table.Write(t, key, reinterpret_cast<const uint8_t*>(value.data()), static_cast<uint32_t>(value.size()), options,
                      nullptr);
          break;
        }
        case 4: table.Delete(t, key); break;
        case 5: table.Touch(t, key, Below(2) * 100000, Below(2) * 200000); break;
        case 6: table.Expire(t, key); break;
        case 7: case 8:
          if (table.Acquire(t, key, 1 + Below(50), Below(2) != 0, token, &tokens_[Below(8)], &fresh, &error, Below(2) != 0) == Status::kOk) {
            break;
          }
          table.Abandon(t, key, token);
          break;
        case 9: table.Fail(t, key, token, reinterpret_cast<const uint8_t*>("error"), 5, 1 + Below(100), Below(60), Below(9)); break;
        case 10: if (Below(8) == 0) table.ReclaimOne(t); break;
        case 11: if (Below(16) == 0) table.Recount(t); break;
        case 12: if (Below(16) == 0) table.ReapDead(t); break;
        case 13: if (Below(16) == 0) table.ReclaimExpired(t); break;
        case 14: {
          uint32_t id;
          table.NamespaceId("name" + std::to_string(Below(5)), Below(3), &id);
          if (Below(20) == 0) table.ClearNamespace(Below(6));
          break;
        }
        case 15: table.Invalidate(t, key, Below(101), [this](uint64_t) { return Below(2) != 0; }); break;
        case 16:
          if (Below(16) == 0) table.RaiseDoubt();
          table.Revalidated(t, key, Below(4), table.Doubt(), nullptr);
          break;
        default:
          table.Read(t, key, Below(8), [&](const Hit& hit) {
            if (hit.header.value_bytes > kMaxValueBytes) return false;
            value_.resize(hit.header.value_bytes + 1);
            const bool whole = table.CopyValue(hit, value_.data());
            table.IsCurrent(hit.slot_id, hit.place.location, hit.generation);
            return whole;
          });
      }
    }
  }

  // Flips bits where they hurt most: half of them in what is small and steers everything.
  void Flip(Region& region, int bits, bool header_too) {
    const Geometry& g = region.geometry();
    auto* base = reinterpret_cast<uint8_t*>(&region.header());
    const uint64_t areas[][2] = {{g.buckets_at, g.ghost_at}, {g.segments_at, g.namespaces_at},
                                 {g.threads_at, g.threads_at + 3 * sizeof(ThreadSlot)}, {g.generations_at, g.threads_at},
                                 {g.namespaces_at, g.namespaces_at + 128}, {g.data_at, g.file_bytes},
                                 {offsetof(RegionHeader, seal_sequence), kPage}};
    for (int n = 0; n < bits; n++) {
      const uint64_t* area = areas[Below(header_too ? 7 : 6)];
      uint64_t at = area[0] + Below(area[1] - area[0]);
      if (Below(2) == 0 && area[0] == g.data_at) {  // a record's header: most segments start with one
        at = g.data_at + (uint64_t{Below(g.segment_count)} << g.segment_shift) + Below(48);
      }
      if (Below(8) == 0) base[at] = static_cast<uint8_t>(Below(2) * 255);
      else base[at] = static_cast<uint8_t>(base[at] ^ (1u << Below(8)));
    }
  }

 private:
  uint64_t tokens_[8] = {};
  std::vector<uint8_t> value_;
};

// A region whose own random choices follow from the seed too, so that a seed repeats a run.
std::unique_ptr<Table> OpenSeeded(const std::string& dir, uint64_t seed, const char* name) {
  RegionError error;
  std::string warnings;
  Region* region = Region::Open(dir, name, kSmall, &error, &warnings);
  if (region == nullptr) {
    Fail(__FILE__, __LINE__, error.detail);
    return nullptr;
  }
  region->header().hash_seed = seed;
  return std::make_unique<Table>(region);
}

TEST("fuzz: a key that stands in its bucket twice keeps nobody busy for ever") {
  Directory dir;
  ForSeeds(5, [&dir](uint64_t seed) {
    auto table = OpenSeeded(dir.path(), seed, "twice");
    if (table == nullptr) return;
    Session s(*table);
    const std::string name = "twice";
    const Key key = s.MakeKey(name);
    Bucket& bucket = table->region().buckets()[HashRange(key.hash, table->geometry().bucket_count)];
    for (int order = 0; order < 2; order++) {
      CHECK_EQ(s.Set(name, "one"), Status::kOk);
      const uint64_t first = bucket.slots[0].load();
      CHECK_EQ(s.Set(name, "two"), Status::kOk);
      const uint64_t second = bucket.slots[0].load();
      bucket.slots[0].store(order == 0 ? first : second);
      bucket.slots[1].store(order == 0 ? second : first);
      table->Touch(s.context(), key, 0, 0);
      table->Expire(s.context(), key);
      uint64_t token = 0;
      s.Acquire(name, &token, 100, true);
      s.Publish(name, token, "three");
      s.Delete(name);
      std::string value;
      CHECK_EQ(s.Get(name, &value), Status::kMiss);
    }
    table->region().Unlink();
  });
}

TEST("fuzz: flipped bits in a live region end in misses") {
  Directory dir;
  auto table = OpenTable(dir.path(), kSmall);
  ForSeeds(Scaled(1500), [&dir](uint64_t seed) {
    Fuzz fuzz(seed);
    auto own = OpenSeeded(dir.path(), seed, "flips");
    if (own == nullptr) return;
    ThreadContext t;
    if (own->Register(t) == Status::kOk) {
      fuzz.Work(*own, t, 400);
      for (int round = 0; round < 4; round++) {
        fuzz.Flip(own->region(), 1 << (seed % 7), true);
        fuzz.Work(*own, t, 150);
        own->Audit(t);
      }
      if (seed % 2 != 0) own->Unregister(t);
    }
    own->region().Unlink();
  });
}

TEST("fuzz: a region with a broken header is refused or endured") {
  uint32_t attached = 0, refused = 0;
  Directory dir;
  ForSeeds(Scaled(600), [&](uint64_t seed) {
    Fuzz fuzz(seed);
    const std::string file = RegionFile(dir.path(), "h", 0);
    MakeRegion(file, kSmall);
    ChangeHeader(file, [&](RegionHeader* h) {
      auto* bytes = reinterpret_cast<uint8_t*>(h);
      const uint32_t changes = 1 + fuzz.Below(4);
      for (uint32_t n = 0; n < changes; n++) {
        const uint64_t end = fuzz.Below(4) == 0 ? kPage : offsetof(RegionHeader, version_base) + 8;
        const uint64_t at = fuzz.Below(end);
        bytes[at] = static_cast<uint8_t>(fuzz.Below(2) != 0 ? fuzz.Below(256) : bytes[at] ^ (1u << fuzz.Below(8)));
      }
    });
    RegionError error;
    std::string warnings;
    Region* region = Region::Open(dir.path(), "h", kSmall, &error, &warnings);
    if (region == nullptr) return Fail(__FILE__, __LINE__, error.detail);
    (warnings.empty() ? attached : refused)++;
    {
      Table table(region);
      ThreadContext t;
      if (table.Register(t) == Status::kOk) {
        fuzz.Work(table, t, 200);
        table.Audit(t);
        table.Unregister(t);
      }
    }
    for (int index = 0; index < 2; index++) unlink(RegionFile(dir.path(), "h", index).c_str());
  });
}

TEST("fuzz: records of pure noise behind valid slots") {
  Directory dir;
  ForSeeds(Scaled(200), [&dir](uint64_t seed) {
    Fuzz fuzz(seed);
    auto own = OpenSeeded(dir.path(), seed, "noise");
    if (own == nullptr) return;
    ThreadContext t;
    if (own->Register(t) == Status::kOk) {
      fuzz.Work(*own, t, 600);
      // Everything but the headers of the first records becomes noise, or zeros, or ones.
      const Geometry& g = own->geometry();
      const uint32_t kind = fuzz.Below(3);
      for (uint32_t segment = 0; segment < g.segment_count; segment++) {
        if (fuzz.Below(2) == 0) continue;
        uint8_t* data = own->region().data() + (uint64_t{segment} << g.segment_shift);
        for (uint32_t at = fuzz.Below(200); at < 4096; at++) {
          data[at] = static_cast<uint8_t>(kind == 0 ? fuzz.Below(256) : kind == 1 ? 0 : 255);
        }
      }
      fuzz.Work(*own, t, 600);
      own->Audit(t);
      own->Unregister(t);
    }
    own->region().Unlink();
  });
}

}  // namespace
}  // namespace strata::test
