// Dead letters: what Redis refused for good, kept for people to look at. A bounded ring in the journal's file.
#pragma once

#include <string>
#include <vector>

#include "journal/index.h"

namespace strata {

struct DeadLetter {
  uint64_t id = 0;  // names the letter for the life of the journal
  uint64_t time_ms = 0;  // wall clock
  JournalOp op = JournalOp::kSet;
  uint8_t codec = 0;
  uint16_t partition = 0;
  uint64_t soft_at = 0, hard_at = 0;  // as in the record
  uint32_t value_bytes = 0;
  bool has_value = false;  // values above a quarter of the ring are not kept
  std::string ns, key, reason, value;
};

// Leader only. Old letters make room; how many were dropped is counted.
void WriteLetter(Journal& journal, const JournalRecord& record, const RecordBody& body, std::string_view reason);

// Those kept now, oldest first. Any process, any time.
std::vector<DeadLetter> ReadLetters(const Journal& journal);

// Takes the letter away from everybody. True for one caller alone, whatever the process.
bool TakeLetter(const Journal& journal, uint64_t id);

}  // namespace strata
