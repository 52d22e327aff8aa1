// Reads what a test program printed. A program that says nothing of its tests has failed: uvu ends
// well when a file forgets to run its suite.

const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, '')

/** `{ passed, failed, skipped, problem }` of one finished program. */
export function verdict(run, readCounts) {
  const counts = readCounts(plain(run.output))
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 0, skipped: 0 }
  const problem = problemOf(run, counts)
  return { passed, failed: problem && failed === 0 ? 1 : failed, skipped, problem }
}

function problemOf({ hung, code, signal, ms }, counts) {
  if (hung) return `hung: no end after ${Math.round(ms / 1000)} s`
  if (signal) return `died of ${signal}`
  if (!counts) return `printed no summary, exit code ${code}`
  if (counts.failed) return `${counts.failed} failed`
  if (counts.passed + counts.skipped === 0) return 'ran no test'
  if (code !== 0) return `exit code ${code}`
  return undefined
}

/** The sum of uvu's summaries (one per round of suites in a file). */
export function readUvu(text) {
  const sum = (label) => {
    const found = [...text.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'gm'))]
    return found.length ? found.reduce((total, match) => total + Number(match[1]), 0) : undefined
  }
  const total = sum('Total')
  const passed = sum('Passed')
  if (total === undefined || passed === undefined) return undefined
  return { passed, failed: total - passed, skipped: sum('Skipped') ?? 0 }
}

/** The closing line of a native program, checked against its own `ok` lines. */
export function readNative(text) {
  const closing = [...text.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1)
  if (!closing) return undefined
  const lines = (pattern) => [...text.matchAll(pattern)].length
  const passed = Number(closing[1])
  const failed = Number(closing[2])
  if (passed !== lines(/^ok /gm) || failed !== lines(/^not ok /gm)) return undefined
  return { passed, failed, skipped: 0 }
}
