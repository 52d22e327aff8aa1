// From a fresh clone to something that runs: dependencies, the native addon, TypeScript.
// Node builtins only, because this runs before node_modules exists. Each step does nothing when
// its result is up to date.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Refusal, capture, step, upToDate, without } from './console.mjs'
import { exclusively } from './lock.mjs'
import { filesBelow, stamp } from './stamp.mjs'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const inRoot = (...parts) => join(root, ...parts)

/**
 * Everything a person needs to run the project. Returns `{ native, types }`: whether the addon and
 * the type check are in order. A missing addon is no error, the in-process fallback takes over.
 */
export function setUp() {
  return exclusively(inRoot('build', 'setup.lock'), async () => {
    await install()
    const native = await buildAddon()
    const types = await compile()
    return { native, types }
  })
}

async function install() {
  if (isInstalled()) return upToDate('install')
  const done = await step('install', 'npm install, by the lock file', async () => {
    // Not `npm ci`: it refuses a lock file without the optional packages of foreign platforms, and
    // not every registry carries those. No install script is needed: the optional binaries of
    // dependencies come as packages.
    const flags = ['--no-save', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error']
    const { code, output } = await capture('npm', ['install', ...flags], { cwd: root })
    if (code !== 0) return `npm install failed\n${output.trim()}`
  })
  if (!done) throw new Refusal('The dependencies could not be installed.')
}

// Compared by content, not by time: a checkout or a branch switch touches the lock file without
// changing it.
function isInstalled() {
  const read = (path) => JSON.parse(readFileSync(inRoot(path), 'utf8')).packages
  let wanted, present
  try {
    wanted = read('package-lock.json')
    present = read('node_modules/.package-lock.json')
  } catch {
    return false
  }
  return Object.entries(wanted).every(([path, entry]) =>
    path === '' || entry.optional || entry.devOptional || present[path]?.version === entry.version)
}

/** True if the addon is there. Without it the same API runs on the in-process fallback. */
export async function buildAddon() {
  const built = existsSync(inRoot('binding.gyp')) &&
    await buildNative({ name: 'native', dir: '.', doing: 'compiling the addon' })
  if (!built) without('native', 'no addon: the cache runs on its in-process fallback, nothing is shared')
  return built
}

/**
 * One incremental node-gyp build in `dir`, which holds binding.gyp. Returns whether it succeeded;
 * if not, the compiler's first errors are printed and its whole output is in build/logs.
 */
export async function buildNative({ name, dir, doing, defines = [] }) {
  const mark = stamp(root, name, ['binding.gyp', 'native', 'test/native'],
    [process.version, process.arch, ...defines].join(' '))
  if (mark.isFresh() && existsSync(inRoot(dir, 'build', 'Release'))) {
    upToDate(name)
    return true
  }
  return step(name, doing, async () => {
    const gyp = (...args) =>
      capture(process.execPath, [inRoot('node_modules/node-gyp/bin/node-gyp.js'), ...args], { cwd: inRoot(dir) })
    // Two calls: what stands behind `--` would go to make as well.
    const configured = await gyp('configure', ...nodeHeaders(), '--', ...defines.map((define) => `-D${define}`))
    const { code, output } = configured.code === 0 ? await gyp('build', `--jobs=${cpus().length}`) : configured
    const log = join('build', 'logs', `${name}.log`)
    mkdirSync(dirname(inRoot(log)), { recursive: true })
    writeFileSync(inRoot(log), output)
    if (code === 0) return mark.renew()
    const errors = output.split('\n').filter((text) => /\berror:|undefined reference|ld: |^gyp ERR! (stack Error|build)/.test(text))
    return [`${await whyNative()}; all output: ${log}`, ...errors.slice(0, 12)].join('\n')
  })
}

// Headers that came with this Node save node-gyp a download, and make the build work offline.
function nodeHeaders() {
  const prefix = resolve(dirname(process.execPath), '..')
  if (process.env.npm_config_nodedir || !existsSync(join(prefix, 'include/node/node_api.h'))) return []
  return [`--nodedir=${prefix}`]
}

async function whyNative() {
  const missing = []
  for (const tool of ['python3', 'make', process.env.CXX ?? 'g++']) {
    if ((await capture('sh', ['-c', `command -v ${tool}`])).code !== 0) missing.push(tool)
  }
  return missing.length ? `needs python3, make and a C++20 compiler; missing: ${missing.join(', ')}` : 'did not compile'
}

/** Compiles all TypeScript to dist/. True if there was no type error; JavaScript is written anyway. */
export async function compile() {
  const sources = ['src', 'workers', 'bench', 'test', 'examples']
  const { version } = JSON.parse(readFileSync(inRoot('node_modules/typescript/package.json'), 'utf8'))
  const mark = stamp(root, 'types', ['tsconfig.json', ...sources], version)
  if (mark.isFresh() && existsSync(inRoot('dist'))) {
    upToDate('types')
    return true
  }
  return step('types', 'compiling TypeScript', async () => {
    dropOrphans(sources)
    const { code, output } = await capture(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: root })
    if (code === 0) return mark.renew()
    return ['TypeScript reports errors', ...output.trim().split('\n').slice(0, 40)].join('\n')
  })
}

// A test whose source was removed or renamed must not go on running from dist/.
function dropOrphans(sources) {
  for (const path of filesBelow(root, sources.map((folder) => join('dist', folder)))) {
    const source = path.slice('dist/'.length).replace(/(\.d)?\.(js|ts)$/, '.ts')
    if (!existsSync(inRoot(source))) rmSync(inRoot(path))
  }
}
