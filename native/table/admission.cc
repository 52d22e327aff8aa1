// Learned admission to main: main is for records whose kind gets hit there.
//
// Every record that enters main carries the class it came from. The first time main's reclaim meets it, its frequency
// tells whether the admission paid, and that moves the class's admission probability. So a loop larger than main
// throttles itself, bursts that are never read again stay out, and part of a long loop is kept. All state is five words;
// a lost update is one lost observation, and any value read is clamped.
//
// The balance point is 2 hits in 7: below it a class does not pay for its room. Steps of 5/512 and 2/512 move a
// probability by a factor e in some hundred reviews.
#include <algorithm>

#include "table/table.h"

namespace strata {
namespace {

constexpr uint32_t kAlways = 65536;

uint32_t Floor(Origin origin) { return origin == Origin::kCold ? kAlways / 128 : kAlways / 32; }

}  // namespace

bool Table::DrawAdmission(ThreadContext& t, Origin origin) {
  // BENIGN: a probability read while another thread moves it is off by one step.
  const uint32_t probability = region_->header().admission[static_cast<uint32_t>(origin) % kAdmissionClasses].load(kRelaxed);
  if (probability >= kAlways) return true;
  uint32_t x = t.random;  // xorshift32, Marsaglia 2003
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  t.random = x;
  return (x & 0xffff) < std::max(probability, Floor(origin));
}

void Table::ReviewAdmission(Origin origin, bool was_hit) {
  if (origin >= Origin::kVeteran) return;
  auto& word = region_->header().admission[static_cast<uint32_t>(origin)];
  const uint32_t now = std::clamp(word.load(kRelaxed), Floor(origin), kAlways);
  const uint32_t next = was_hit ? now + now * 5 / 512 + 1 : now - now * 2 / 512;
  word.store(std::clamp(next, Floor(origin), kAlways), kRelaxed);
}

}  // namespace strata
