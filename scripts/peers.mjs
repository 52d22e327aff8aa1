// What the benchmarks and the contrast compare with.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture, say, step, upToDate } from './console.mjs'
import { root } from './setup.mjs'

const peers = join(root, 'build', 'bench-peers')

/**
 * The rivals have a lock file of their own, so that nobody who uses or tests the package installs
 * them; and they live below build/, because what looks through the sources should not meet theirs.
 */
export async function installPeers() {
  mkdirSync(peers, { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(root, 'bench', name), join(peers, name))
  if (isInstalled()) return upToDate('peers')
  const done = await step('peers', 'npm install of what we compare with, by bench/package-lock.json', async () => {
    const flags = ['--no-save', '--ignore-scripts', '--legacy-peer-deps', '--no-fund', '--no-audit', '--loglevel=error']
    const { code, output } = await capture('npm', ['install', ...flags], { cwd: peers })
    if (code !== 0) return `npm install failed\n${output.trim()}`
  })
  if (!done) say('  what could not be installed is reported as not measured')
}

function isInstalled() {
  const read = (path) => JSON.parse(readFileSync(join(peers, path), 'utf8')).packages
  try {
    const present = read('node_modules/.package-lock.json')
    return Object.entries(read('package-lock.json')).every(([path, entry]) =>
      path === '' || entry.optional || present[path]?.version === entry.version)
  } catch {
    return false
  }
}
