// A registry of native tests and the checks they use. One line per test, one closing line `N passed, N failed`.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace strata::test {

struct Test {
  const char* name;
  std::function<void()> body;
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Register {
  Register(const char* name, std::function<void()> body) { Tests().push_back({name, std::move(body)}); }
};

inline void Fail(const char* file, int line, const std::string& what) {
  printf("  %s:%d: %s\n", file, line, what.c_str());
  Failures()++;
}

struct Spent {
  double wall, processors;  // seconds; of this process and its children that have ended
};

inline Spent SpentSoFar() {
  rusage own, ended;
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &ended);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
          seconds(own.ru_utime) + seconds(own.ru_stime) + seconds(ended.ru_utime) + seconds(ended.ru_stime)};
}

// Runs all tests whose name contains argv[1], in order. Returns the process's exit code.
inline int RunAll(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const Test& test : Tests()) {
    if (argc > 1 && std::string(test.name).find(argv[1]) == std::string::npos) continue;
    Failures() = 0;
    const Spent start = SpentSoFar();
    test.body();
    const Spent now = SpentSoFar();
    if (now.wall - start.wall >= 1) printf("  %.1f s, %.1f s of processors\n", now.wall - start.wall, now.processors - start.processors);
    printf("%s %s\n", Failures() == 0 ? "ok" : "not ok", test.name);
    fflush(stdout);
    (Failures() == 0 ? passed : failed)++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace strata::test

#define STRATA_CONCAT2(a, b) a##b
#define STRATA_CONCAT(a, b) STRATA_CONCAT2(a, b)
#define TEST(name)                                                                                        \
  static void STRATA_CONCAT(Body, __LINE__)();                                                             \
  static ::strata::test::Register STRATA_CONCAT(registered, __LINE__)(name, STRATA_CONCAT(Body, __LINE__)); \
  static void STRATA_CONCAT(Body, __LINE__)()
#define CHECK(condition) \
  do { if (!(condition)) ::strata::test::Fail(__FILE__, __LINE__, #condition); } while (0)
#define CHECK_EQ(got, expected)                                                                            \
  do {                                                                                                     \
    auto got_ = (got);                                                                                     \
    decltype(got_) expected_ = static_cast<decltype(got_)>(expected);                                      \
    if (!(got_ == expected_))                                                                              \
      ::strata::test::Fail(__FILE__, __LINE__, std::string(#got " is ") + std::to_string(static_cast<long long>(got_)) + \
                           ", expected " + std::to_string(static_cast<long long>(expected_)));             \
  } while (0)
