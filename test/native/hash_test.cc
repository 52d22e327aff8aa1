// The hash of keys: even over buckets and tags, different under every seed, and blind to chosen keys.
#include <cmath>
#include <cstring>
#include <set>

#include "base/hash.h"
#include "test/native/check.h"

namespace strata::test {
namespace {

uint64_t Hash(uint64_t seed, const std::string& key, uint32_t ns = 0) {
  return HashKey(seed, ns, reinterpret_cast<const uint8_t*>(key.data()), static_cast<uint32_t>(key.size()));
}

void Put(std::string* key, size_t at, uint64_t word) { memcpy(key->data() + at, &word, 8); }

// Chi-square over its expectation: about 1 for an even spread.
double Unevenness(const std::vector<uint32_t>& counts, double expected) {
  double sum = 0;
  for (uint32_t count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum / static_cast<double>(counts.size());
}

TEST("hash: of long bytes, each bit, the length and the seed count") {
  auto hash_of = [](const std::string& bytes, uint64_t seed) { return HashLong(seed, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()); };
  std::set<uint64_t> seen;
  size_t count = 0;
  for (size_t length = 0; length < 320; length++) {
    std::string bytes(length, 'x');
    seen.insert(hash_of(bytes, 7));
    seen.insert(hash_of(bytes, 8));
    count += 2;
    for (size_t at = 0; at < length; at++) {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
      seen.insert(hash_of(bytes, 7));
      bytes[at] = 'x';
      count++;
    }
  }
  CHECK_EQ(seen.size(), count);
  // Chains that swap places do not give the same.
  std::string words(96, '\0');
  Put(&words, 0, 1);
  std::string swapped(96, '\0');
  Put(&swapped, 16, 1);
  CHECK(hash_of(words, 7) != hash_of(swapped, 7));
}

TEST("hash: sequential keys spread evenly over buckets and tags") {
  for (const char* pattern : {"user:%u", "%u", "session/%u/profile/with/a/long/tail", "%08x"}) {
    std::vector<uint32_t> buckets(1000), tags(65536 / 64);
    const uint32_t keys = 200000;
    for (uint32_t i = 0; i < keys; i++) {
      char key[80];
      snprintf(key, sizeof(key), pattern, i);
      const uint64_t hash = Hash(7, key);
      buckets[HashRange(hash, 1000)]++;
      tags[HashTag(hash) / 64]++;
    }
    CHECK(Unevenness(buckets, keys / 1000.0) < 1.25);
    CHECK(Unevenness(tags, keys / 1024.0) < 1.25);
  }
}

TEST("hash: length, namespace, seed and every bit of the key count") {
  std::string key(70, 'x');
  for (size_t size = 1; size <= key.size(); size++) {
    const std::string part = key.substr(0, size);
    const uint64_t hash = Hash(1, part);
    CHECK(hash != Hash(2, part));
    CHECK(hash != Hash(1, part, 1));
    CHECK(hash != Hash(1, part + "x"));
    for (size_t bit = 0; bit < size * 8; bit++) {
      std::string other = part;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      CHECK(hash != Hash(1, other));
    }
  }
}

TEST("hash: flipping one bit of the key flips half of the hash") {
  double flipped = 0, samples = 0;
  for (uint32_t i = 0; i < 2000; i++) {
    std::string key = "key number " + std::to_string(i);
    const uint64_t hash = Hash(99, key);
    for (size_t bit = 0; bit < key.size() * 8; bit += 5) {
      std::string other = key;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
      flipped += __builtin_popcountll(hash ^ Hash(99, other));
      samples++;
    }
  }
  CHECK(std::abs(flipped / samples - 32) < 0.5);
}

// A multiplication by zero forgets the other factor. If a constant that stands in the source could make the zero,
// anybody could choose any number of keys that collide under every seed.
TEST("hash: no key can be chosen that blinds it to the seed or to other bytes") {
  constexpr uint64_t kSuspects[] = {0, ~uint64_t{0}, 0x9e3779b97f4a7c15u, 0xd6e8feb86659fd93u, 0xa0761d6478bd642fu};
  for (uint64_t suspect : kSuspects) {
    for (size_t size : {9u, 12u, 16u, 24u, 33u, 48u, 64u}) {
      for (size_t at = 0; at + 8 <= size; at += 8) {
        for (uint64_t seed : {uint64_t{1}, uint64_t{0x1234567890abcdef}}) {
          std::set<uint64_t> hashes;
          for (uint32_t i = 0; i < 64; i++) {
            std::string key(size, '\0');
            for (size_t b = 0; b < size; b++) key[b] = static_cast<char>((i + 1) * (b + 3));
            Put(&key, at, suspect);
            hashes.insert(Hash(seed, key));
          }
          if (hashes.size() < 60) {
            Fail(__FILE__, __LINE__, "keys collide: " + std::to_string(hashes.size()) + " of 64 hashes, size " +
                                         std::to_string(size) + ", word at " + std::to_string(at));
            return;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace strata::test
