// Reading a key out of a JavaScript string: UTF-8 into a stack buffer, well-formed and within the limit.
//
// A string whose UTF-8 is as long as the string itself is ASCII; asking for that length and copying one byte per
// character takes half the time of the engine's UTF-8 writer.
#pragma once

#include <node_api.h>

#include "shm/layout.h"

namespace strata {

inline constexpr uint32_t kKeyRoom = kMaxKeyBytes + 16;

struct KeyBuffer {
  uint8_t bytes[kKeyRoom];
  uint32_t size = 0;
};

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

// Reads into `to`, which has kKeyRoom bytes. 0 if the value is no string, empty, ill-formed, or longer than the limit.
inline uint32_t ReadKeyInto(napi_env env, napi_value value, uint8_t* to) {
  auto* bytes = reinterpret_cast<char*>(to);
  size_t length, size;
  if (napi_get_value_string_latin1(env, value, bytes, kKeyRoom, &length) != napi_ok) return 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &size);
  if (size == 0 || size > kMaxKeyBytes) return 0;
  if (size == length) return static_cast<uint32_t>(size);
  napi_get_value_string_utf8(env, value, bytes, kKeyRoom, &size);
  if (!MayHideSurrogate(to, size)) return static_cast<uint32_t>(size);
  char16_t units[kMaxKeyBytes + 1];
  napi_get_value_string_utf16(env, value, units, kMaxKeyBytes + 1, &length);
  return IsWellFormed(units, length) ? static_cast<uint32_t>(size) : 0;
}

inline bool ReadKey(napi_env env, napi_value value, KeyBuffer* key) {
  key->size = ReadKeyInto(env, value, key->bytes);
  return key->size != 0;
}

}  // namespace strata
