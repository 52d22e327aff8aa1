// The test runner itself: whatever way a test program ends, it is counted for what it is.
import * as assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from '../helpers/suite'

const root = join(__dirname, '../../..')
const script = (name: string) => import(pathToFileURL(join(root, 'scripts', name)).href)

interface Verdict { passed: number; failed: number; skipped: number; problem?: string; orphans: boolean; output: string }

async function judge(source: string, deadlineMs = 20_000): Promise<Verdict> {
  const { runToEnd } = await script('test-process.mjs')
  const { readUvu, verdict } = await script('test-verdict.mjs')
  const run = await runToEnd([process.execPath, '-e', source], { deadlineMs, isNode: true })
  return { ...verdict(run, readUvu), orphans: run.orphans, output: run.output }
}

const UVU = 'uvu'
const aSuite = (body: string) => `const test = require('${UVU}').suite('planted'); ${body}`

suite('test runner', (test) => {
  test('counts what passed, failed and was skipped', async () => {
    const { passed, failed, skipped } = await judge(aSuite(
      `test('a', () => {}); test('b', () => { throw new Error('planted') }); test.skip('c', () => {}); test.run()`))
    assert.deepEqual({ passed, failed, skipped }, { passed: 1, failed: 1, skipped: 1 })
  })

  test('a suite that is never run is a failure', async () => {
    const { failed, problem } = await judge(aSuite(`test('a', () => {})`))
    assert.equal(failed, 1)
    assert.match(problem ?? '', /no summary/)
  })

  test('a suite without a test is a failure', async () => {
    assert.equal((await judge(aSuite('test.run()'))).problem, 'ran no test')
  })

  test('a promise that nobody settles is a failure', async () => {
    assert.equal((await judge(aSuite(`test('a', () => new Promise(() => {})); test.run()`))).failed, 1)
  })

  test('a bad exit code after good tests is a failure', async () => {
    const { passed, failed } = await judge(aSuite(
      `test('a', () => {}); test.run(); process.on('exit', () => { process.exitCode = 3 })`))
    assert.deepEqual([passed, failed], [1, 1])
  })

  test('death by a signal is a failure', async () => {
    assert.equal((await judge(`process.kill(process.pid, 'SIGSEGV')`)).problem, 'died of SIGSEGV')
  })

  test('an open handle is ended at the deadline and named', async () => {
    const { failed, problem, output } = await judge(aSuite(
      `test('a', () => {}); test.run(); setInterval(() => {}, 1000)`), 1_000)
    assert.equal(failed, 1)
    assert.match(problem ?? '', /hung/)
    assert.match(output, /open handles: timer/)
  })

  test('an endless loop is ended at the deadline', async () => {
    assert.match((await judge('for (;;);', 1_000)).problem ?? '', /hung/)
  })

  test('processes left behind are ended and reported', async () => {
    const { failed, orphans, output } = await judge(aSuite(`
      test('a', () => {
        const child = require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' })
        child.unref()
        console.log('child ' + child.pid)
      })
      test.run()`))
    assert.deepEqual([failed, orphans], [0, true])
    const pid = Number(/child (\d+)/.exec(output)?.[1])
    assert.equal(isRunning(pid), false)
  })

  test('--scale is what all programs are told, and how much longer they may take', async () => {
    const { testOptions } = await script('test-options.mjs')
    const { nodeJobs, nativeJobs } = await script('test-plan.mjs')
    const given: { filters: string[]; scale: number } = testOptions(['gaps', '--scale', '10'], { STRATACACHE_TEST_SCALE: '3' })
    assert.deepEqual([given.filters, given.scale], [['gaps'], 10])
    assert.equal(testOptions([], { STRATACACHE_TEST_SCALE: '3' }).scale, 3)
    assert.equal(testOptions([], {}).scale, 1)
    for (const [jobs, variable] of [[nodeJobs, 'STRATACACHE_TEST_SCALE'], [nativeJobs, 'STRATA_TEST_SCALE']]) {
      const [once, tenTimes]: { name: string; env: Record<string, string>; deadlineMs: number }[][] = [jobs(1), jobs(10)]
      assert.ok(tenTimes!.length > 0)
      assert.deepEqual(new Set(tenTimes!.map(({ env }) => env[variable])), new Set(['10']))
      assert.deepEqual(tenTimes!.map(({ deadlineMs }) => deadlineMs), once!.map(({ deadlineMs }) => deadlineMs * 10))
    }
  })

  test('a scale that is no whole number above 0 is refused', async () => {
    const { testOptions } = await script('test-options.mjs')
    for (const scale of ['0', '-1', '1.5', 'ten', '100000']) assert.throws(() => testOptions([`--scale=${scale}`], {}), /--scale must be a whole number/)
    assert.throws(() => testOptions([], { STRATACACHE_TEST_SCALE: 'x' }), /STRATACACHE_TEST_SCALE must be/)
  })

  test('reads native programs and checks them against their own lines', async () => {
    const { readNative } = await script('test-verdict.mjs')
    assert.deepEqual(readNative('ok a\nnot ok b\n1 passed, 1 failed\n'), { passed: 1, failed: 1, skipped: 0 })
    assert.equal(readNative('ok a\n2 passed, 0 failed\n'), undefined)
    assert.equal(readNative('ok a\n'), undefined)
  })
})

function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0] !== 'Z'
  } catch {
    return false
  }
}
