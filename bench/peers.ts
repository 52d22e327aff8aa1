/** Loads the packages that only the benchmarks know, from their own node_modules. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Unavailable } from './sub-bench'

export const root = join(__dirname, '..', '..')
const own = createRequire(join(root, 'bench', 'package.json'))

/** The exports of a peer; the caller says what it uses of them. */
export function peer<T>(name: string): T {
  if (!existsSync(join(root, 'bench', 'node_modules', name.split('/')[0]!))) {
    throw new Unavailable(`${name} is not installed in bench/node_modules`)
  }
  return own(name) as T
}

export function versionOf(name: string): string {
  for (const base of [join(root, 'bench'), root]) {
    const file = join(base, 'node_modules', name, 'package.json')
    if (existsSync(file)) return (own(file) as { version: string }).version
  }
  return 'not installed'
}
