#include "journal/letters.h"

#include <algorithm>
#include <cstring>

#include "base/kill_point.h"
#include "shm/clock.h"

namespace strata {
namespace {

//   0 u32 bytes   4 u32 check   8 u64 time   16 u64 soft at   24 u64 hard at
//  32 op  33 codec  34 u16 ns  36 u16 key  38 u16 reason  40 u16 partition  42 unused  44 u32 value  48 u32 kept  52 unused
//  56 namespace, key, reason, value (kept bytes of it)
// A letter that was taken has a check of kTaken.
struct LetterHead {
  uint32_t bytes, check;
  uint64_t time_ms, soft_at, hard_at;
  uint8_t op, codec;
  uint16_t ns_bytes, key_bytes, reason_bytes, partition, unused1;
  uint32_t value_bytes, kept_bytes, unused2;
};
static_assert(sizeof(LetterHead) == 56);

constexpr uint32_t kTaken = 0;

constexpr size_t kMaxReason = 512;

uint32_t CheckOf(const uint8_t* letter, size_t bytes) {
  const uint64_t hash = HashKey(0, 4, letter + 8, bytes - 8);
  const auto check = static_cast<uint32_t>(hash ^ hash >> 32);
  return check == kTaken ? 1 : check;
}

// The ring as bytes without a seam: a letter may go around the end.
void Copy(uint8_t* ring, uint64_t size, uint64_t at, void* own, size_t bytes, bool to_ring) {
  auto* o = static_cast<uint8_t*>(own);
  const size_t first = std::min<size_t>(bytes, size - at % size);
  if (to_ring) {
    CopyShared(ring + at % size, o, first);
    CopyShared(ring, o + first, bytes - first);
  } else {
    CopyShared(o, ring + at % size, first);
    CopyShared(o + first, ring, bytes - first);
  }
}

bool IsPlausible(const LetterHead& head, uint64_t left) {
  return head.bytes >= sizeof(head) && head.bytes % 8 == 0 && head.bytes <= left &&
         sizeof(head) + uint64_t{head.ns_bytes} + head.key_bytes + head.reason_bytes + head.kept_bytes <= head.bytes;
}

}  // namespace

void WriteLetter(Journal& journal, const JournalRecord& record, const RecordBody& body, std::string_view reason) {
  JournalHeader& h = journal.header();
  const uint64_t size = journal.geometry().letter_bytes;
  uint64_t head = h.letters_head.load(kRelaxed), tail = h.letters_tail.load(kRelaxed);
  if (tail > head || head - tail > size || (head | tail) % 8 != 0) head = tail = 0;  // damage: begin anew
  reason = reason.substr(0, kMaxReason);
  const auto value_bytes = static_cast<uint32_t>(body.value.size()), kept = value_bytes <= size / 4 ? value_bytes : 0;
  const size_t names = body.ns.size() + body.key.size();
  const size_t bytes = (sizeof(LetterHead) + names + reason.size() + kept + 7) / 8 * 8;
  if (bytes > size) return journal.Count(JournalCounter::letters_dropped);
  std::vector<uint8_t> letter(bytes);
  LetterHead own{static_cast<uint32_t>(bytes), 0, WallMicroseconds() / 1000, record.soft_at, record.hard_at, record.op, record.codec,
                 static_cast<uint16_t>(body.ns.size()), static_cast<uint16_t>(body.key.size()), static_cast<uint16_t>(reason.size()),
                 record.partition, 0, value_bytes, kept, 0};
  uint8_t* at = letter.data() + sizeof(own);
  for (std::string_view part : {body.ns, body.key, reason, body.value.substr(0, kept)}) at = std::copy(part.begin(), part.end(), at);
  std::memcpy(letter.data(), &own, sizeof(own));
  own.check = CheckOf(letter.data(), bytes);
  std::memcpy(letter.data(), &own, sizeof(own));
  while (head + bytes - tail > size) {
    LetterHead old;
    Copy(journal.letters(), size, tail, &old, sizeof(old), false);
    journal.Count(JournalCounter::letters_dropped);
    tail = IsPlausible(old, head - tail) ? tail + old.bytes : head;
  }
  h.letters_tail.store(tail, kRelease);  // SYNC(journal-letters)
  KILL_POINT(letters_dropped);
  Fence(kRelease);
  Copy(journal.letters(), size, head, letter.data(), bytes, true);
  KILL_POINT(letter_written);
  h.letters_head.store(head + bytes, kRelease);  // SYNC(journal-letters)
  journal.Count(JournalCounter::dead_letters);
}

std::vector<DeadLetter> ReadLetters(const Journal& journal) {
  JournalHeader& h = journal.header();
  const uint64_t size = journal.geometry().letter_bytes;
  const uint64_t head = h.letters_head.load(kAcquire);  // SYNC(journal-letters)
  std::vector<DeadLetter> letters;
  uint64_t at = h.letters_tail.load(kAcquire);  // SYNC(journal-letters)
  if (at > head || head - at > size) return letters;
  while (at < head) {
    LetterHead own;
    Copy(journal.letters(), size, at, &own, sizeof(own), false);
    if (!IsPlausible(own, head - at)) return letters;
    std::vector<uint8_t> bytes(own.bytes);
    Copy(journal.letters(), size, at, bytes.data(), bytes.size(), false);
    Fence(kAcquire);
    // Overwritten while it was copied, or damaged: the check tells, and the next one may be whole.
    LetterHead again;
    std::memcpy(&again, bytes.data(), sizeof(again));
    const uint32_t check = again.check;
    again.check = 0;
    std::memcpy(bytes.data(), &again, sizeof(again));
    if (IsPlausible(again, own.bytes) && CheckOf(bytes.data(), bytes.size()) == check) {
      const char* text = reinterpret_cast<const char*>(bytes.data()) + sizeof(again);
      DeadLetter letter{at, again.time_ms, static_cast<JournalOp>(again.op), again.codec, again.partition, again.soft_at, again.hard_at,
                        again.value_bytes, again.kept_bytes == again.value_bytes, {}, {}, {}, {}};
      letter.ns.assign(text, again.ns_bytes);
      letter.key.assign(text += again.ns_bytes, again.key_bytes);
      letter.reason.assign(text += again.key_bytes, again.reason_bytes);
      letter.value.assign(text += again.reason_bytes, again.kept_bytes);
      letters.push_back(std::move(letter));
    }
    at += own.bytes;
  }
  return letters;
}

bool TakeLetter(const Journal& journal, uint64_t id) {
  JournalHeader& h = journal.header();
  const uint64_t size = journal.geometry().letter_bytes;
  const uint64_t head = h.letters_head.load(kAcquire);  // SYNC(journal-letters)
  if (id % 8 != 0 || id >= head || head - id > size || id < h.letters_tail.load(kAcquire)) return false;
  // In the ring's middle or at its end: 8 bytes of a letter never go around.
  auto* check = reinterpret_cast<Atomic<uint32_t>*>(journal.letters() + id % size + offsetof(LetterHead, check));
  uint32_t seen = check->load(kAcquire);
  // Still there after its check was read: another letter in its place has another one.
  Fence(kAcquire);
  if (seen == kTaken || id < h.letters_tail.load(kAcquire)) return false;
  return check->compare_exchange_strong(seen, kTaken, kAcqRel);
}

}  // namespace strata
