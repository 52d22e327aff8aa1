// Explicit-state check of the bucket protocol: all interleavings of a few processes under
// sequential consistency, each of which may die before any of its steps. Every planted bug must
// be found by some scenario, which shows that the checks can see it.
//
// Usage: protocol_check [--deep] [--only SCENARIO] [--bug NUMBER] [--trace]
//   --deep   larger scenarios, two kills everywhere
//   --bug    that planted bug alone; 0 = the clean scenarios alone
//   --trace  a shortest trace to each planted bug found
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "protocol_scenarios.h"
#include "protocol_step.h"

namespace protocol {
namespace {

constexpr size_t kTraceStates = 1500000;   // kept in memory while a shortest trace is looked for

struct Hash128 {
  uint64_t low, high;
};

// Open addressing over 128-bit state hashes; zero marks an empty cell.
class SeenSet {
 public:
  SeenSet() : cells_(1u << 16) {}
  bool Insert(Hash128 h) {
    if (h.low == 0 && h.high == 0) h.low = 1;
    if ((count_ + 1) * 8 > cells_.size() * 7) Grow();
    Hash128& cell = Find(h);
    if (cell.low == h.low && cell.high == h.high) return false;
    cell = h;
    count_++;
    return true;
  }

 private:
  Hash128& Find(Hash128 h) {
    size_t i = h.low & (cells_.size() - 1);
    while ((cells_[i].low || cells_[i].high) &&
           (cells_[i].low != h.low || cells_[i].high != h.high))
      i = (i + 1) & (cells_.size() - 1);
    return cells_[i];
  }
  void Grow() {
    std::vector<Hash128> old(cells_.size() * 2);
    old.swap(cells_);
    for (const Hash128& h : old)
      if (h.low || h.high) Find(h) = h;
  }
  std::vector<Hash128> cells_;
  size_t count_ = 0;
};

Hash128 HashOf(const State& s, int actors) {
  const size_t size = offsetof(State, actor) + sizeof(Actor) * actors;
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(&s);
  uint64_t a = 0x243f6a8885a308d3u, b = 0x13198a2e03707344u;
  for (size_t i = 0; i < size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
    a = (a ^ word) * 0x9e3779b97f4a7c15u;
    a ^= a >> 29;
    b = (b + word) * 0xd6e8feb86659fd93u;
    b ^= b >> 32;
  }
  return {a ^ (b << 1), b ^ (a >> 7)};
}

// Runs the extra process alone to its end; the first alternative is taken wherever there are some.
void RunAlone(Context& ctx, State& s, const std::vector<Op>& script) {
  const int p = ctx.Actors();
  ctx.extra_script = &script;
  Reset(s.actor[p]);
  while (s.actor[p].op < script.size() && s.actor[p].at != At::kDone && !ctx.violation) {
    ctx.forks.clear();
    Step(ctx, s, p);
  }
  ctx.forks.clear();
  Reset(s.actor[p]);
}

bool IsReferenced(const Context& ctx, const State& s, int seg) {
  for (int b = 0; b < ctx.scenario->buckets; b++) {
    for (int i = 0; i < ctx.scenario->slots; i++) {
      const int loc = s.bucket[b].slot[i].loc;
      const Record& r = s.segment[loc].rec;
      for (int k = 0; loc != 0 && k < r.parts; k++)
        if (r.part[k] == seg && r.part_gen[k] == s.segment[seg].gen) return true;
    }
  }
  return false;
}

// All processes are through or dead: one pass of a janitor must leave no segment behind.
void CheckEnd(Context& ctx, State s) {
  static const std::vector<Op> kPass = {{OpKind::kJanitor}};
  RunAlone(ctx, s, kPass);
  if (ctx.violation || !CheckInvariants(ctx, s)) return;
  for (int i = 1; i <= ctx.scenario->segments; i++) {
    const Segment& g = s.segment[i];
    if (g.state == kActive || g.state == kReclaim) ctx.Violate("a segment stayed owned at the end");
    if (g.state == kSealed && g.queue == kRun && !IsReferenced(ctx, s, i))
      ctx.Violate("a segment of a run leaked");
  }
}

const char* NameOf(At at) {
  static const char* const kNames[] = {
#define X(name) #name,
      PROTOCOL_POINTS(X)
#undef X
  };
  return kNames[static_cast<int>(at)];
}

State InitialState(Context& ctx) {
  State s;
  Reset(s);
  if (!ctx.scenario->setup.empty()) RunAlone(ctx, s, ctx.scenario->setup);
  Normalise(ctx, s);
  return s;
}

struct Successor {
  int actor;      // -1 = a deadline passed
  bool death;
};

// Calls visit(state, successor) for each state that follows s; false = nothing follows.
template <typename Visit>
bool ForEachNext(Context& ctx, const State& s, std::vector<State>& out, Visit visit) {
  bool any = false;
  for (int p = 0; p < ctx.Actors(); p++) {
    const Actor& q = s.actor[p];
    if (q.dead || q.at == At::kDone) continue;
    any = true;
    out.clear();
    Expand(ctx, s, p, out);
    for (State& t : out) visit(t, Successor{p, false});
    if (ctx.violation) return true;
    if (s.crashes < ctx.scenario->crashes && (q.at != At::kNextOp || q.op > 0)) {
      State t = s;
      t.actor[p].dead = 1;
      t.crashes++;
      visit(t, Successor{p, true});
    }
  }
  if (any && s.expiries < ctx.scenario->expiries) {
    for (int b = 0; b < ctx.scenario->buckets; b++) {
      for (int i = 0; i < ctx.scenario->slots; i++) {
        const int loc = s.bucket[b].slot[i].loc;
        const Record& r = s.segment[loc].rec;
        if (loc == 0 || r.type != kLease || (s.expired & Bit(r.token))) continue;
        State t = s;
        t.expired |= Bit(r.token);
        t.expiries++;
        visit(t, Successor{-1, false});
      }
    }
  }
  return any;
}

struct Outcome {
  uint64_t states = 0;
  bool complete = false;
  const char* violation = nullptr;
};

Outcome Search(const Scenario& scenario, Bug bug, uint64_t limit) {
  Context ctx;
  ctx.scenario = &scenario;
  ctx.bug = bug;
  Outcome result;
  SeenSet seen;
  std::vector<State> stack = {InitialState(ctx)}, out;
  while (!stack.empty() && !ctx.violation && result.states < limit) {
    const State s = stack.back();
    stack.pop_back();
    result.states++;
    const bool any = ForEachNext(ctx, s, out, [&](State& t, Successor) {
      Normalise(ctx, t);
      if (seen.Insert(HashOf(t, ctx.Actors()))) stack.push_back(t);
    });
    if (!any) CheckEnd(ctx, s);
  }
  result.complete = stack.empty() && !ctx.violation;
  result.violation = ctx.violation;
  return result;
}

void PrintShared(const Context& ctx, const State& s) {
  for (int b = 0; b < ctx.scenario->buckets; b++) {
    const Bucket& k = s.bucket[b];
    std::printf("   H{%d %s i%d loc%d} max %d slots", k.intent.seq,
                k.intent.op == kIdle ? "idle" : k.intent.op == kPut ? "put" : "remove",
                k.intent.index, k.intent.loc, k.max_version);
    for (int i = 0; i < ctx.scenario->slots; i++) std::printf(" %d", k.slot[i].loc);
  }
  std::printf(" | epoch %d |", s.epoch);
  for (int i = 1; i <= ctx.scenario->segments; i++) {
    const Segment& g = s.segment[i];
    const Record& r = g.rec;
    std::printf(" %d:%c%d g%d%s", i, "FASR"[g.state], g.owner, g.gen,
                g.queue == kRun ? " run" : "");
    if (r.key) {
      std::printf(" %c k%d v%d e%d %d,%d", "-VLE"[r.type], r.key, r.version, r.epoch, r.a, r.b);
      if (r.token) std::printf(" t%d over %d", r.token, r.granted_over);
      for (int k = 0; k < r.parts; k++) std::printf(" [%d g%d]", r.part[k], r.part_gen[k]);
    }
    std::printf(";");
  }
  std::printf("\n");
}

// A shortest trace to a violation, found breadth first.
void PrintTrace(const Scenario& scenario, Bug bug, size_t limit) {
  struct Node {
    State state;
    size_t parent;
    Successor by;
  };
  Context ctx;
  ctx.scenario = &scenario;
  ctx.bug = bug;
  SeenSet seen;
  std::vector<Node> nodes = {{InitialState(ctx), 0, {-1, false}}};
  std::vector<State> out;
  for (size_t at = 0; at < nodes.size() && nodes.size() < limit && !ctx.violation; at++) {
    const State s = nodes[at].state;
    size_t last = at;
    const bool any = ForEachNext(ctx, s, out, [&](State& t, Successor by) {
      if (!ctx.violation) Normalise(ctx, t);
      if (!ctx.violation && !seen.Insert(HashOf(t, ctx.Actors()))) return;
      nodes.push_back({t, at, by});
      last = nodes.size() - 1;
    });
    if (!any) CheckEnd(ctx, s);
    if (!ctx.violation) continue;
    std::vector<size_t> path;
    for (size_t i = last; i != 0; i = nodes[i].parent) path.push_back(i);
    PrintShared(ctx, nodes[0].state);
    for (size_t k = path.size(); k-- > 0;) {
      const Node& n = nodes[path[k]];
      const State& before = nodes[n.parent].state;
      if (n.by.actor < 0) {
        std::printf("deadline passes\n");
        continue;
      }
      const Actor& q = before.actor[n.by.actor];
      std::printf("P%d op%d %s%s -> %s\n", n.by.actor, q.op, n.by.death ? "DIES before " : "",
                  NameOf(q.at), NameOf(n.state.actor[n.by.actor].at));
      PrintShared(ctx, n.state);
    }
    std::printf("violation: %s\n", ctx.violation);
    return;
  }
  std::printf("no trace within %zu states\n", nodes.size());
}

double Seconds() {
  using Clock = std::chrono::steady_clock;
  static const Clock::time_point start = Clock::now();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int Main(int argc, char** argv) {
  bool deep = false, trace = false;
  const char* only = nullptr;
  int bug = -1;
  for (int i = 1; i < argc; i++) {
    const std::string arg = argv[i];
    if (arg == "--deep") deep = true;
    else if (arg == "--trace") trace = true;
    else if (arg == "--only" && i + 1 < argc) only = argv[++i];
    else if (arg == "--bug" && i + 1 < argc) bug = std::atoi(argv[++i]);
    else {
      std::fprintf(stderr, "usage: %s [--deep] [--only NAME] [--bug N] [--trace]\n", argv[0]);
      return 2;
    }
  }
  const std::vector<Scenario> scenarios = Scenarios(deep);
  int passed = 0, failed = 0;
  Seconds();
  for (const Scenario& scenario : scenarios) {
    if (bug > 0 || (only && std::string(only) != scenario.name)) continue;
    const double start = Seconds();
    const Outcome r = Search(scenario, Bug::kNone, scenario.limit);
    std::printf("%s scenario %s: %llu states, %s, %.1f s\n", r.violation ? "not ok" : "ok", scenario.name,
                static_cast<unsigned long long>(r.states),
                r.violation ? r.violation : r.complete ? "complete" : "bounded", Seconds() - start);
    std::fflush(stdout);
    ++(r.violation ? failed : passed);
    if (r.violation) PrintTrace(scenario, Bug::kNone, kTraceStates);
  }
  for (const PlantedBug& planted : PlantedBugs()) {
    if ((bug < 0 && only) || (bug >= 0 && bug != static_cast<int>(planted.bug))) continue;
    Outcome r;
    uint64_t states = 0;
    const Scenario* by = nullptr;
    for (const char* name : planted.scenarios) {
      for (const Scenario& scenario : scenarios) {
        if (r.violation || std::string(name) != scenario.name) continue;
        if (only && std::string(only) != scenario.name) continue;
        by = &scenario;
        r = Search(scenario, planted.bug, scenario.limit);
        states += r.states;
      }
    }
    std::printf("%s bug %d %s: %s after %llu states, %s: %s\n", r.violation ? "ok" : "not ok", static_cast<int>(planted.bug),
                planted.name, r.violation ? "found" : "NOT FOUND",
                static_cast<unsigned long long>(states), by ? by->name : "no scenario",
                r.violation ? r.violation : "no violation");
    std::fflush(stdout);
    ++(r.violation ? passed : failed);
    if (trace && r.violation) PrintTrace(*by, planted.bug, kTraceStates);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace protocol

int main(int argc, char** argv) { return protocol::Main(argc, argv); }
