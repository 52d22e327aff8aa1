/** Loads the packages that only the benchmarks know. `npm run bench` installs them below build/. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Unavailable } from './sub-bench'

export const root = join(__dirname, '..', '..')
const home = join(root, 'build', 'bench-peers')
const own = createRequire(join(home, 'package.json'))

/** The exports of a peer; the caller says what it uses of them. */
export function peer<T>(name: string): T {
  if (!existsSync(join(home, 'node_modules', name.split('/')[0]!))) {
    throw new Unavailable(`${name} is not installed: npm run bench installs it`)
  }
  return own(name) as T
}

export function versionOf(name: string): string {
  for (const base of [home, root]) {
    const file = join(base, 'node_modules', name, 'package.json')
    if (existsSync(file)) return (own(file) as { version: string }).version
  }
  return 'not installed'
}
