// What `npm test` runs: compiled test files, each in its own process, and the native programs.
import { join } from 'node:path'
import { filesBelow } from './stamp.mjs'
import { root } from './setup.mjs'
import { commandOf, programs, variants } from './native-tests.mjs'
import { readNative, readUvu } from './test-verdict.mjs'

const DEADLINE_S = 120
// Failovers and reshardings take real time.
const deadlineS = { redis: 600 }
// Their bounds are of time, so they have the machine to themselves.
const alone = new Set(['redis/gaps', 'redis/stalls', 'redis/takeover'])
const folders = ['unit', 'api', 'shared', 'redis', 'package']

// The public API is one product with two near tiers, and has to keep its word on both.
const modes = {
  api: [{ label: '' }, { label: ' (in-process)', env: { STRATACACHE_L1: 'process' } }],
}

/** The long tests do `scale` times as much (test/helpers/scale.ts) and get as much more time. */
export function nodeJobs(scale) {
  return folders.flatMap((folder) => filesBelow(root, [join('dist/test', folder)])
    .filter((path) => path.endsWith('.test.js'))
    .flatMap((path) => (modes[folder] ?? [{ label: '' }]).map(({ label, env }) => ({
      name: path.slice('dist/test/'.length, -'.test.js'.length) + label,
      command: [process.execPath, path],
      env: { ...env, STRATACACHE_TEST_SCALE: String(scale) },
      deadlineMs: (deadlineS[folder] ?? DEADLINE_S) * 1000 * scale,
      needsRedis: folder === 'redis' || path.includes('redis') || path.endsWith('/readme.test.js'),
      readCounts: readUvu,
      isNode: true,
      isAlone: alone.has(path.slice('dist/test/'.length, -'.test.js'.length)),
    }))))
}

/** As above; test/native/options.h takes broken numbers too, from its own variable. */
export function nativeJobs(scale) {
  return programs.map((entry) => ({
    name: ['native', entry.program, entry.variant, ...entry.args].join('/'),
    command: commandOf(entry),
    env: { ...variants[entry.variant].env, ...(scale === 1 ? {} : { STRATA_TEST_SCALE: String(scale) }) },
    variant: entry.variant,
    deadlineMs: entry.deadlineS * 1000 * scale,
    readCounts: readNative,
    isNode: false,
  }))
}
