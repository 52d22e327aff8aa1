#include "shm/region.h"

#include <cinttypes>
#include <cstdio>
#include <memory>

#include "shm/clock.h"
#include "shm/host_identity.h"

namespace strata {
namespace {

struct Secrets {
  uint64_t hash_seed, region_id;
};

void Initialise(RegionHeader* h, const Geometry& geometry, const Secrets& secrets, bool has_disk) {
  h->layout_fingerprint = LayoutFingerprint();
  h->geometry = geometry;
  h->hash_seed = secrets.hash_seed;
  h->region_id = secrets.region_id;
  h->boot_id_hash = BootIdHash();
  h->time_namespace = TimeNamespace();
  h->start_monotonic_ms = CoarseMs() - 1;  // so that 0 stays free to mean never
  h->version_base = WallMicroseconds();
  h->free_segments.store(geometry.segment_count, kRelaxed);
  h->doubt.store(1, kRelaxed);
  h->tag_clock.store(h->version_base, kRelaxed);
  h->has_disk.store(has_disk ? kDiskWhole : kDiskNone, kRelaxed);
  for (uint32_t c = 0; c < kAdmissionClasses; c++) h->admission[c].store(c == 0 ? 65536 / 32 : 65536, kRelaxed);
  // SYNC(region-ready): release. Everything above is there for whoever reads the magic.
  h->magic.store(kRegionMagic, kRelease);
}

bool Fill(int fd, const std::string& dir, const RegionOptions& options, RegionError* error) {
  Geometry geometry;
  if (ComputeGeometry(options, &geometry) != Status::kOk) {
    *error = {Status::kBadOptions, 0,
              "memory must leave room for at least " + std::to_string(kMinSegments) + " segments, got " +
                  std::to_string(options.memory_bytes) + " bytes with entries of " +
                  std::to_string(options.average_entry_bytes) + " bytes"};
    return false;
  }
  Secrets secrets;
  if (!RandomBytes(&secrets, sizeof(secrets), error)) return false;
  if (!AllocateFile(fd, dir, "region", geometry.file_bytes, error)) return false;
  return WriteStart(fd, dir, sizeof(RegionHeader), [&](void* at) {
    Initialise(static_cast<RegionHeader*>(at), geometry, secrets, options.has_disk);
  }, error);
}

Status Examine(int fd, uint64_t size, Geometry* geometry, std::string* why) {
  auto h = std::make_unique<RegionHeader>();
  if (size < sizeof(RegionHeader) || !ReadStart(fd, static_cast<void*>(h.get()), sizeof(RegionHeader))) {
    *why = "shorter than a header";
    return Status::kRegionTorn;
  }
  if (h->magic.load(kRelaxed) != kRegionMagic) {
    *why = "not a complete region";
    return Status::kRegionTorn;
  }
  if (h->layout_fingerprint != LayoutFingerprint()) {
    *why = "made with another layout";
    return Status::kRegionLayout;
  }
  if (h->geometry.file_bytes != size || !IsConsistent(h->geometry)) {
    *why = "sizes contradict each other";
    return Status::kRegionTorn;
  }
  if (h->boot_id_hash != BootIdHash() || h->time_namespace != TimeNamespace()) {
    *why = "made in another boot or time namespace";
    return h->boot_id_hash != BootIdHash() ? Status::kRegionBoot : Status::kRegionForeign;
  }
  *geometry = h->geometry;
  return Status::kOk;
}

}  // namespace

Region* Region::Open(const std::string& dir, const std::string& name, const RegionOptions& options,
                     RegionError* error, std::string* warnings) {
  char suffix[16];
  snprintf(suffix, sizeof(suffix), ".%08" PRIx32, static_cast<uint32_t>(LayoutFingerprint()));
  auto region = std::unique_ptr<Region>(new Region());
  FileKind kind{
      "region", name + suffix,
      [&](int fd, uint64_t size, std::string* why) { return Examine(fd, size, &region->geometry_, why); },
      [&](int fd, const std::string& in, RegionError* e) { return Fill(fd, in, options, e); },
  };
  if (!region->file_.Open(dir, kind, error, warnings)) return nullptr;
  region->base_ = region->file_.base();
  // SYNC(region-ready): acquire. Pairs with the creator's store of the magic.
  region->header().magic.load(kAcquire);
  return region.release();
}

}  // namespace strata
