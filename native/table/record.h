// Records as bytes: where they lie, what their header says, and how far a reader may trust it.
#pragma once

#include "shm/layout.h"

namespace strata {

struct Key {
  const uint8_t* bytes;
  uint32_t size;
  uint32_t ns;
  uint64_t hash;
};

inline constexpr uint32_t kHeaderBytes = sizeof(RecordHeader);

// `block_bytes`: of the fleet and the tag block.
constexpr uint32_t RecordBytes(uint32_t key_bytes, uint32_t payload_bytes, uint32_t block_bytes = 0) {
  return (kHeaderBytes + key_bytes + block_bytes + payload_bytes + kRecordAlign - 1) / kRecordAlign * kRecordAlign;
}

// A header copied out of shared memory, so that every check and use sees the same values.
struct HeaderCopy {
  uint32_t value_bytes;
  uint32_t key_bytes;
  RecordType type;
  bool is_run;
  Origin origin;
  uint8_t codec;
  bool is_negative;      // the value says that there is none
  uint32_t fleet_bytes;  // of the block behind the key: 16, or 0 if the record has none
  uint32_t tag_bytes;    // of the block behind that; 0 if the record has none
  uint32_t ns;
  uint32_t epoch;
  uint64_t version;
  uint64_t soft_ms;
  uint64_t hard_ms;

  uint32_t before_tags() const { return kHeaderBytes + key_bytes + fleet_bytes; }
  uint32_t before_value() const { return before_tags() + tag_bytes; }
  // Without its padding; of a run the value alone, not how it is spread.
  uint64_t content_bytes() const { return uint64_t{before_value()} + value_bytes; }
};
static_assert(kFleetFlag >> 3 == sizeof(FleetBlock));  // the flag is the block's size, shifted
static_assert(kMaxNamespaces == 1 << 10);              // what the number of tag words leaves of its field

inline HeaderCopy LoadHeader(const RecordHeader* h) {
  HeaderCopy copy;
  uint8_t type = LoadField(h->type);
  copy.value_bytes = LoadField(h->value_bytes);
  copy.key_bytes = LoadField(h->key_bytes);
  copy.type = static_cast<RecordType>(type & 15);
  copy.origin = static_cast<Origin>((type >> 4) & 7);
  copy.is_run = (type & kRunFlag) != 0;
  const uint8_t codec = LoadField(h->codec);
  copy.codec = codec & static_cast<uint8_t>(~(kFleetFlag | kNegativeFlag));
  copy.is_negative = (codec & kNegativeFlag) != 0;
  copy.fleet_bytes = (codec & kFleetFlag) >> 3;
  const uint16_t ns = LoadField(h->ns);
  copy.ns = ns & (kMaxNamespaces - 1);
  copy.tag_bytes = uint32_t{ns} >> 10 << 3;
  copy.epoch = LoadField(h->epoch);
  copy.version = LoadField(h->version);
  copy.soft_ms = uint64_t{LoadField(h->soft_high)} << 32 | LoadField(h->soft_low);
  copy.hard_ms = uint64_t{LoadField(h->hard_high)} << 32 | LoadField(h->hard_low);
  return copy;
}

inline void StoreHeader(RecordHeader* h, const HeaderCopy& from) {
  StoreField(h->value_bytes, from.value_bytes);
  StoreField(h->key_bytes, static_cast<uint16_t>(from.key_bytes));
  StoreField(h->type, static_cast<uint8_t>(static_cast<uint8_t>(from.type) | static_cast<uint8_t>(from.origin) << 4 |
                                           (from.is_run ? kRunFlag : 0)));
  StoreField(h->codec, static_cast<uint8_t>(from.codec | (from.is_negative ? kNegativeFlag : 0) | (from.fleet_bytes != 0 ? kFleetFlag : 0)));
  StoreField(h->ns, static_cast<uint16_t>(from.tag_bytes >> 3 << 10 | from.ns));
  StoreField(h->soft_high, static_cast<uint8_t>(from.soft_ms >> 32));
  StoreField(h->hard_high, static_cast<uint8_t>(from.hard_ms >> 32));
  StoreField(h->epoch, from.epoch);
  StoreField(h->version, from.version);
  StoreField(h->soft_low, static_cast<uint32_t>(from.soft_ms));
  StoreField(h->hard_low, static_cast<uint32_t>(from.hard_ms));
}

// Also on a published run head, whose record is never copied: only its reclaimer writes it, only reclaim reads it.
inline void StoreOrigin(RecordHeader* h, Origin origin) {
  StoreField(h->type, static_cast<uint8_t>((LoadField(h->type) & ~(7 << 4)) | static_cast<uint8_t>(origin) << 4));
}

// A place in the data area that was checked to hold at least a header.
struct RecordPlace {
  RecordHeader* header = nullptr;
  uint32_t location = 0;
  uint32_t segment = 0;
  uint32_t room = 0;  // bytes from the record's start to the end of its segment

  uint8_t* key() const { return reinterpret_cast<uint8_t*>(header) + kHeaderBytes; }
  uint8_t* tags(const HeaderCopy& h) const { return reinterpret_cast<uint8_t*>(header) + h.before_tags(); }
  uint8_t* value(const HeaderCopy& h) const { return reinterpret_cast<uint8_t*>(header) + h.before_value(); }
};

// The fleet block of a record that has one; false if its lengths leave the segment.
inline bool LoadFleet(const RecordPlace& place, const HeaderCopy& h, FleetBlock* block) {
  if (h.before_value() > place.room) return false;
  CopyShared(block, place.key() + h.key_bytes, sizeof(*block));
  return true;
}

// Bytes a plain record occupies, or 0 if its header's lengths leave the segment.
inline uint32_t CheckedRecordBytes(const HeaderCopy& h, uint32_t room) {
  uint64_t bytes = uint64_t{h.before_value()} + h.value_bytes;
  bytes = (bytes + kRecordAlign - 1) / kRecordAlign * kRecordAlign;
  return bytes <= room ? static_cast<uint32_t>(bytes) : 0;
}

}  // namespace strata
