// Tags: a clear is one word per slot, the region's tag clock at that moment; a record is judged by the clock it carries.
//
// Nothing is counted up to, and no clear ever makes a record valid again: words and clock only rise. Two tags that share
// a slot cost each other misses.
#include "table/table.h"

namespace strata {
namespace {

void RaiseTo(Atomic<uint64_t>& word, uint64_t value) {
  uint64_t now = word.load(kRelaxed);
  while (now < value && !word.compare_exchange_weak(now, value, kAcqRel, kRelaxed)) {  // SYNC(tag)
  }
}

template <class Word>
TagState Judge(const uint8_t* slots, uint32_t count, uint64_t since, const Word& word) {
  bool is_expired = false;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t slot;
    CopyShared(&slot, slots + i * sizeof(slot), sizeof(slot));
    if (word(slot, TagClear::kDelete) > since) return TagState::kGone;
    is_expired = is_expired || word(slot, TagClear::kExpire) > since;
  }
  return is_expired ? TagState::kExpired : TagState::kCurrent;
}

}  // namespace

uint64_t Table::ClearTag(uint32_t slot, TagClear kind) {
  // Above every clock anybody has been given so far: a read-modify-write, as a load could be of long ago.
  const uint64_t clock = region_->header().tag_clock.fetch_add(1, kAcqRel) + 1;
  RaiseTo(tags_[slot & tag_mask_].cleared[static_cast<uint32_t>(kind)], clock);
  KILL_POINT(tag_cleared);
  // SYNC(tag): release. Who finds another clock than before looks at the words again, and then sees this one. So the
  // clock moves after the word once more.
  region_->header().tag_clock.fetch_add(1, kAcqRel);
  return clock;
}

bool Table::NoteFleetClear(uint32_t slot, TagClear kind, uint64_t sequence) {
  Atomic<uint64_t>& word = tags_[slot & tag_mask_].fleet[static_cast<uint32_t>(kind)];
  const bool is_news = word.load(kAcquire) < sequence;  // SYNC(tag)
  RaiseTo(word, sequence);
  return is_news;
}

TagState Table::TagsSince(const uint16_t* slots, uint32_t count, uint64_t clock) const {
  return JudgeTagsAt(reinterpret_cast<const uint8_t*>(slots), count, clock);
}

TagState Table::FleetTagsSince(const uint16_t* slots, uint32_t count, uint64_t sequence) const {
  return Judge(reinterpret_cast<const uint8_t*>(slots), count, sequence, [this](uint16_t slot, TagClear kind) {
    return tags_[slot & tag_mask_].fleet[static_cast<uint32_t>(kind)].load(kAcquire);  // SYNC(tag)
  });
}

TagState Table::JudgeTagsAt(const uint8_t* slots, uint32_t count, uint64_t clock) const {
  return Judge(slots, count, clock, [this](uint16_t slot, TagClear kind) {
    return tags_[slot & tag_mask_].cleared[static_cast<uint32_t>(kind)].load(kAcquire);  // SYNC(tag)
  });
}

TagState Table::JudgeTags(const RecordPlace& place, const HeaderCopy& header) const {
  if (header.before_value() > place.room || header.tag_bytes <= sizeof(uint64_t)) return TagState::kGone;
  const uint8_t* block = place.tags(header);
  uint64_t clock;
  CopyShared(&clock, block, sizeof(clock));
  const uint32_t count = (header.tag_bytes - static_cast<uint32_t>(sizeof(clock))) / sizeof(uint16_t);
  const TagState state = JudgeTagsAt(block + sizeof(clock), count, clock);
  if (state != TagState::kExpired) return state;
  const bool has_grace = header.soft_ms != kNever && header.hard_ms > header.soft_ms;
  return has_grace ? TagState::kExpired : TagState::kGone;
}

bool Table::HasTags(Hit* hit) const {
  const TagState state = JudgeTags(hit->place, hit->header);
  if (state == TagState::kExpired) hit->is_stale = true;
  return state != TagState::kGone;
}

TagState Table::TagsAt(uint32_t location, uint32_t generation) const {
  RecordPlace place;
  if (!Locate(location, &place)) return TagState::kGone;
  const TagState state = TagsOf(place, LoadHeader(place.header));
  Fence(kAcquire);  // SYNC(reclaim-gen)
  return generations_[place.segment].load(kRelaxed) == generation ? state : TagState::kGone;
}

// Of a record nobody sees yet.
void Table::StampTags(const RecordPlace& place, const WriteOptions& options) const {
  const uint64_t clock = TagClock();
  CopyShared(reinterpret_cast<uint8_t*>(place.header) + kHeaderBytes + LoadField(place.header->key_bytes) + options.fleet_bytes(),
             &clock, sizeof(clock));
}

}  // namespace strata
