// Where overwrites and deletes have left holes: what compaction makes of the records between them.
#include "test/native/fixture.h"

namespace strata::test {
namespace {

constexpr int kValueBytes = 1000;
constexpr int kDeletedEach = 3;
// Written between two looks.
constexpr int kBlock = 32;

int Present(Session& s, const std::string& prefix, int count) {
  int present = 0;
  std::string value;
  for (int i = 0; i < count; i++) present += s.Get(prefix + std::to_string(i), &value, kReadQuiet) == Status::kOk ? 1 : 0;
  return present;
}

}  // namespace

TEST("compaction: what it keeps leaves before what was written later") {
  Directory dir;
  constexpr uint64_t kMemory = 12u << 20;
  auto table = OpenTable(dir.path(), {kMemory, kValueBytes, 0});
  if (table == nullptr) return;
  Session s(*table);
  const std::string value(kValueBytes, 'v');
  // Fills the region so far that nothing is reclaimed yet.
  const int count = static_cast<int>(kMemory / kValueBytes * 4 / 10);
  for (const char* prefix : {"old", "young"}) {
    for (int i = 0; i < count; i++) CHECK_EQ(s.Set(prefix + std::to_string(i), value), Status::kOk);
  }
  for (int i = 0; i < count; i += kDeletedEach) s.Delete("old" + std::to_string(i));
  const int of_segment = static_cast<int>((1u << table->geometry().segment_shift) / kValueBytes);
  const int old = Present(s, "old", count);
  CHECK(old > 30 * of_segment);
  // Until a segment of young ones is reclaimed. Single ones also go where a bucket is full, few at a time.
  for (int written = 0, young = Present(s, "young", count), before = young; before - young <= of_segment / 2;) {
    for (int i = 0; i < kBlock; i++) CHECK_EQ(s.Set("new" + std::to_string(written++), value), Status::kOk);
    if (written > count * 4) return Fail(__FILE__, __LINE__, "nothing is evicted");
    before = young;
    young = Present(s, "young", count);
  }
  const int left = Present(s, "old", count);
  printf("  %d of %d were left, a segment has room for %d\n", left, old, of_segment);
  // One segment of them may be open yet, and some be as young as what is mixed into them.
  CHECK(left * 10 < old);
  CheckAudit(*table, s.context());
}

}  // namespace strata::test
