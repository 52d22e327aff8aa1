// Reading a key out of a JavaScript string: UTF-8 into a buffer, well-formed and within the limit.
//
// The string is asked for once, as UTF-16, whatever it is inside the engine, and narrowed here: asking for one byte per
// character would need a second call to know that no character was cut.
#pragma once

#include <node_api.h>

#include <cstring>

#include "shm/layout.h"

namespace strata {

inline constexpr uint32_t kKeyRoom = kMaxKeyBytes + 16;

struct KeyBuffer {
  uint8_t bytes[kKeyRoom];
  uint32_t size = 0;
};

inline bool IsWellFormed(const char16_t* units, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (units[i] < 0xd800 || units[i] > 0xdfff) continue;
    if (units[i] > 0xdbff || i + 1 == size || units[i + 1] < 0xdc00 || units[i + 1] > 0xdfff) return false;
    i++;
  }
  return true;
}

// Copies `count` units that are all ASCII; false if they are not. Writes nothing behind to[count].
inline bool NarrowAscii(const char16_t* units, size_t count, uint8_t* to) {
  using Wide = uint16_t __attribute__((vector_size(16)));
  using Narrow = uint8_t __attribute__((vector_size(8)));
  if (count < 8) {
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
      all |= units[i];
      to[i] = static_cast<uint8_t>(units[i]);
    }
    return all < 0x80;
  }
  Wide all{};
  for (size_t i = 0;; i += 8) {
    if (i + 8 > count) i = count - 8;  // the last eight overlap those before
    Wide wide;
    std::memcpy(&wide, units + i, sizeof(wide));
    all |= wide;
    const Narrow narrow = __builtin_convertvector(wide, Narrow);
    std::memcpy(to + i, &narrow, sizeof(narrow));
    if (i + 8 == count) break;
  }
  uint64_t halves[2];
  std::memcpy(halves, &all, sizeof(halves));
  return ((halves[0] | halves[1]) & 0xff80ff80ff80ff80u) == 0;
}

// UTF-8 of `count` units. 0 if a surrogate stands alone or the limit is passed.
inline uint32_t EncodeUtf8(const char16_t* units, size_t count, uint8_t* to) {
  if (!IsWellFormed(units, count)) return 0;
  uint32_t size = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t c = units[i];
    if (size + 4 > kKeyRoom) return 0;
    if (c < 0x80) {
      to[size++] = static_cast<uint8_t>(c);
      continue;
    }
    if (c < 0x800) {
      to[size++] = static_cast<uint8_t>(0xc0 | c >> 6);
    } else {
      if (c >= 0xd800 && c <= 0xdfff) {
        c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
        to[size++] = static_cast<uint8_t>(0xf0 | c >> 18);
        to[size++] = static_cast<uint8_t>(0x80 | (c >> 12 & 0x3f));
      } else {
        to[size++] = static_cast<uint8_t>(0xe0 | c >> 12);
      }
      to[size++] = static_cast<uint8_t>(0x80 | (c >> 6 & 0x3f));
    }
    to[size++] = static_cast<uint8_t>(0x80 | (c & 0x3f));
  }
  return size <= kMaxKeyBytes ? size : 0;
}

// Into `to`, which has kKeyRoom bytes. 0 if the key is empty, ill-formed, or longer than the limit.
inline uint32_t EncodeKey(const char16_t* units, size_t count, uint8_t* to) {
  if (count == 0 || count > kMaxKeyBytes) return 0;
  if (NarrowAscii(units, count, to)) return static_cast<uint32_t>(count);
  return EncodeUtf8(units, count, to);
}

// False if the value is no string, or no key.
inline bool ReadKey(napi_env env, napi_value value, KeyBuffer* key) {
  char16_t units[kKeyRoom];
  size_t count;
  if (napi_get_value_string_utf16(env, value, units, kKeyRoom, &count) != napi_ok) return false;
  key->size = EncodeKey(units, count, key->bytes);
  return key->size != 0;
}

}  // namespace strata
