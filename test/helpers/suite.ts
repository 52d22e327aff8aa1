import { suite as uvuSuite } from 'uvu'
import type { Test } from 'uvu'
import { scale } from './scale'

/** Far above what any test needs, below the runner's deadline: it names the test that hangs. */
const WATCHDOG_MS = 60_000 * scale

/**
 * A named group of tests that always runs: uvu ends well when a file forgets `.run()`. A test that
 * does not finish fails under its own name instead of hanging or silently ending the process.
 */
export function suite(name: string, define: (test: Test) => void, watchdogMs = WATCHDOG_MS): void {
  const tests = uvuSuite(name)
  const watched = ((title, body) => tests(title, (context) => finishing(body(context), watchdogMs))) as Test
  define(Object.assign(watched, tests))
  tests.run()
}

async function finishing(body: Promise<void> | void, watchdogMs: number): Promise<void> {
  let watchdog: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    watchdog = setTimeout(() => reject(new Error(`not finished after ${watchdogMs} ms`)), watchdogMs)
  })
  try {
    await Promise.race([body, hung])
  } finally {
    clearTimeout(watchdog)
  }
}
