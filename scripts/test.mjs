// npm test: sets up, builds and runs all tests. The last line is `N passed, N failed`.
//   npm test -- flight        only what has "flight" in its name
//   npm test -- --ts-only     without the native programs
//   npm test -- --native-only nothing else
//   npm test -- --scale 10    the long tests do ten times as much
import { Refusal, bold, dim, green, red, runScript, say, seconds, without, yellow } from './console.mjs'
import { buildVariant, hasNativeTests } from './native-tests.mjs'
import { offerRedis } from './redis.mjs'
import { setUp } from './setup.mjs'
import { testOptions } from './test-options.mjs'
import { nativeJobs, nodeJobs } from './test-plan.mjs'
import { runToEnd } from './test-process.mjs'
import { verdict } from './test-verdict.mjs'

// One process per core of a small machine; the tests themselves start processes and threads.
const AT_ONCE = 2
const TAIL_LINES = 60
const WHY_LINES = 6

runScript(async () => {
  const { filters, wantsNode, wantsNative, scale } = testOptions(process.argv.slice(2), process.env)
  const started = Date.now()
  const results = []
  const { native, types } = await setUp()
  results.push(built('TypeScript compiles', types))
  const matches = ({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter))
  const jobs = wantsNode ? nodeJobs(scale).filter(matches) : []
  if (jobs.some((job) => job.needsRedis)) await offerRedis('the tests that need it will fail')
  if (wantsNative && hasNativeTests()) {
    results.push(built('the addon compiles', native))
    jobs.push(...await builtNativeJobs(nativeJobs(scale).filter(matches), results))
  }
  if (!jobs.length) throw new Refusal('No test matches.\n0 passed, 1 failed')
  say()
  await runAll(jobs, results)
  return report(results, Date.now() - started)
})

const built = (name, isGood) =>
  ({ name, passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0, ms: 0, problem: isGood ? undefined : 'see above' })

async function builtNativeJobs(jobs, results) {
  const usable = new Set()
  for (const variant of new Set(jobs.map((job) => job.variant))) {
    if (await buildVariant(variant)) usable.add(variant)
    else results.push(built(`the native tests compile, ${variant}`, false))
  }
  return jobs.filter((job) => usable.has(job.variant))
}

async function runAll(jobs, results) {
  const waiting = jobs.filter(({ isAlone }) => !isAlone)
  const alone = jobs.filter(({ isAlone }) => isAlone)
  const width = Math.max(...jobs.map((job) => job.name.length))
  let finished = 0
  const lane = async (queue) => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const run = await runToEnd(job.command, job)
      const result = { name: job.name, ...verdict(run, job.readCounts), ms: run.ms, output: run.output, orphans: run.orphans }
      results.push(result)
      finished += 1
      say(`${dim(`${finished}/${jobs.length}`.padStart(7))} ${mark(result)} ${job.name.padEnd(width)} ${outcome(result)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, () => lane(waiting)))
  await lane(alone)
}

const mark = ({ failed }) => (failed ? red('✗') : green('✓'))

function outcome({ passed, skipped, ms, problem, orphans }) {
  return [
    problem ? red(problem) : `${passed} passed`,
    skipped ? yellow(`, ${skipped} skipped`) : '',
    orphans ? yellow(', left processes behind') : '',
    dim(`  ${seconds(ms)}`),
  ].join('')
}

function report(results, ms) {
  const failures = results.filter((result) => result.failed)
  for (const { name, problem, output = '' } of failures) {
    say(`\n${red('✗')} ${bold(name)}: ${problem}`)
    const lines = output.trimEnd().split('\n')
    // A native program goes on after a failure, and says why on the lines before `not ok`.
    for (const [at, line] of lines.slice(0, -TAIL_LINES).entries()) {
      if (line.startsWith('not ok ')) for (const why of lines.slice(Math.max(0, at - WHY_LINES), at + 1)) say(`    ${why}`)
    }
    for (const line of lines.slice(-TAIL_LINES)) say(`    ${line}`)
  }
  const slowest = results.filter((result) => result.ms > 1_000).sort((a, b) => b.ms - a.ms).slice(0, 8)
  if (slowest.length) {
    say(`\nslowest: ${slowest.map((result) => `${result.name} ${seconds(result.ms)}`).join(', ')}`)
  }
  const sum = (field) => results.reduce((total, result) => total + result[field], 0)
  const skipped = sum('skipped')
  say(`\n${results.length} programs in ${seconds(ms)}${skipped ? `, ${skipped} tests skipped` : ''}`)
  say(`${sum('passed')} passed, ${sum('failed')} failed`)
  return sum('failed') === 0 && sum('passed') > 0 ? 0 : 1
}
