// Reading a key out of a JavaScript string: UTF-8 into a stack buffer, well-formed and within the limit.
#pragma once

#include <node_api.h>

#include <cstring>

#include "shm/layout.h"

namespace strata {

struct KeyBuffer {
  uint8_t bytes[kMaxKeyBytes + 16];
  uint32_t size = 0;
};

inline bool IsAscii(const uint8_t* bytes, size_t size) {
  uint64_t high = 0;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    high |= word;
  }
  for (; i < size; i++) high |= bytes[i];
  return (high & 0x8080808080808080u) == 0;
}

// UTF-8 of a string with a lone surrogate shows U+FFFD; only then is the string itself looked at.
inline bool MayHideSurrogate(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i + 3 <= size; i++) {
    if (bytes[i] == 0xef && bytes[i + 1] == 0xbf && bytes[i + 2] == 0xbd) return true;
  }
  return false;
}

inline bool IsWellFormed(const char16_t* units, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (units[i] < 0xd800 || units[i] > 0xdfff) continue;
    if (units[i] > 0xdbff || i + 1 == size || units[i + 1] < 0xdc00 || units[i + 1] > 0xdfff) return false;
    i++;
  }
  return true;
}

// False if the value is no string, empty, ill-formed, or longer than the limit.
inline bool ReadKey(napi_env env, napi_value value, KeyBuffer* key) {
  size_t size;
  if (napi_get_value_string_utf8(env, value, reinterpret_cast<char*>(key->bytes), sizeof(key->bytes), &size) !=
      napi_ok) {
    return false;
  }
  if (size == 0 || size > kMaxKeyBytes) return false;
  key->size = static_cast<uint32_t>(size);
  if (IsAscii(key->bytes, size) || !MayHideSurrogate(key->bytes, size)) return true;
  char16_t units[kMaxKeyBytes + 1];
  size_t length;
  napi_get_value_string_utf16(env, value, units, kMaxKeyBytes + 1, &length);
  return IsWellFormed(units, length);
}

}  // namespace strata
